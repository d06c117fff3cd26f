"""An MSP's customers."""
