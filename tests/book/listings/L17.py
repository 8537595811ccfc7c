model = Sequential()
model.add(Permute((2, 1), input_shape=(10, 64)))
# model.output_shape == (None, 64, 10)
