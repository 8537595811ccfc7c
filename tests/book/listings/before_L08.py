from keras import backend as K
from keras.layers import Activation, Dense
from keras.models import Sequential

model = Sequential()
model.add(Dense(5, input_shape=(4,)))
model.add(Activation('softmax'))
output_index = 3
