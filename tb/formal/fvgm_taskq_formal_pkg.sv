// The small machine on which fvgm_taskq_engine is proved, and what its proof says of one of its tasks.
package fvgm_taskq_formal_pkg;

  import fvgm_taskq_pkg::*;

  localparam int unsigned Slots = 4;             // places in the window
  localparam int unsigned MaxQuiet = Slots + 6;  // cycles until a hand-out

  // How often a task signals event id.
  function automatic logic [1:0] signals(use_t uses, logic [1:0] id);
    return id == '0 ? 2'd0 : 2'(uses.signal0[1:0] == id) + 2'(uses.signal1[1:0] == id);
  endfunction

endpackage
