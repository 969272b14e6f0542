# 300 MHz, as published V80 designs close at 300-350 MHz.
create_clock -period 3.333 -name clk [get_ports clk_i]
