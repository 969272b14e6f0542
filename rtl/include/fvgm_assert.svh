// Assertion macros. Both stand for a whole module item: write them without a semicolon, at the foot
// of a module that has `clk_i` and `rst_ni`. `expr` is a property (sequences, |->, |=>, $past and
// $stable are fine), sampled at the rising edge of clk_i and disabled while rst_ni is low.
//
//   `FVGM_ASSERT(OutputHeld, valid_o && !ready_i |=> valid_o && $stable(data_o))
//   `FVGM_COVER(BackPressure, valid_o && !ready_i)
//
// A failing FVGM_ASSERT ends the simulation and names itself. Under SYNTHESIS (yosys read_slang and
// Vivado define it) both are empty.
`ifndef FVGM_ASSERT_SVH
`define FVGM_ASSERT_SVH

`ifdef SYNTHESIS
`define FVGM_ASSERT(name, expr)
`define FVGM_COVER(name, expr)
`else
`define FVGM_ASSERT(name, expr) \
  name : assert property (@(posedge clk_i) disable iff (!rst_ni) (expr)) \
  else $error("assertion failed: name");
`define FVGM_COVER(name, expr) \
  name : cover property (@(posedge clk_i) disable iff (!rst_ni) (expr));
`endif

`endif
