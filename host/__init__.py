"""Host side: registers, transports, the driver of a core."""
