from keras.models import Sequential
from keras.layers import Convolution2D, ZeroPadding2D, MaxPooling2D

img_width, img_height = 128, 128

# build the VGG16 network
model = Sequential()
model.add(ZeroPadding2D((1,1), batch_input_shape=(1,3,img_width,img_height)))
first_layer = model.layers[-1]
# this is a placeholder tensor that will contain our generated images
input_img = first_layer.input

# build the rest of the network
model.add(Convolution2D(64,3,3,activation='relu',name='conv1_1'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(64,3,3,activation='relu',name='conv1_2'))
model.add(MaxPooling2D((2,2),strides=(2,2)))

model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(128,3,3,activation='relu',name='conv2_1'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(128,3,3,activation='relu',name='conv2_2'))
model.add(MaxPooling2D((2,2),strides=(2,2)))

model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(256,3,3,activation='relu',name='conv3_1'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(256,3,3,activation='relu',name='conv3_2'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(256,3,3,activation='relu',name='conv3_3'))
model.add(MaxPooling2D((2,2),strides=(2,2)))

model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(512,3,3,activation='relu',name='conv4_1'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(512,3,3,activation='relu',name='conv4_2'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(512,3,3,activation='relu',name='conv4_3'))
model.add(MaxPooling2D((2,2),strides=(2,2)))

model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(512,3,3,activation='relu',name='conv5_1'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(512,3,3,activation='relu',name='conv5_2'))
model.add(ZeroPadding2D((1,1)))
model.add(Convolution2D(512,3,3,activation='relu',name='conv5_3'))
model.add(MaxPooling2D((2,2),strides=(2,2)))

# get the symbolic outputs of each "key" layer (we gave them unique names).
layer_dict = dict([(layer.name, layer) for layer in model.layers])
