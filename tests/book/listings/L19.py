# add a x -> x^2 layer
model.add(Lambda(lambda x: x ** 2))
