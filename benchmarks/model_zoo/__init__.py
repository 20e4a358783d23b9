"""Many kinds of Keras models through all that makes one model of them."""
