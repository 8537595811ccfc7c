from keras.layers import Dense

layer = Dense(32)
