"""What devices measure: samples, what they amount to, and what people read of them."""
