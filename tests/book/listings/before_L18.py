from keras.layers import Dense, RepeatVector
from keras.models import Sequential

