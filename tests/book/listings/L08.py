layer_output = model.layers[-1].get_output()
loss = K.mean(layer_output[:, output_index])
