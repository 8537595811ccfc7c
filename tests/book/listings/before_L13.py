from keras.layers import Dense, Input

layer, node_index = Dense(32), 0
layer(Input(shape=(16,)))
