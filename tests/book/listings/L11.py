layer = Dense(32)
config = layer.get_config()
reconstructed_layer = Dense.from_config(config)
