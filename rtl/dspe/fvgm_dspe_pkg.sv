// DSP-E: latency and result format.
package fvgm_dspe_pkg;

  // Cycles from a step with last_i to its result in drain_o.
  localparam int unsigned DspeLatency = 4;

  localparam int unsigned DspeAccBits = 96;
  localparam int unsigned DspeHalfBits = DspeAccBits / 2;

  // Result of one column. FP16: acc is the exact sum in units of 2^-48 (two's complement) of the
  // products of finite operands, the flags tell which special products there were. INT8: acc[31:0]
  // is the int32 sum of row 2i, acc[79:48] that of row 2i + 1; all other bits mean nothing.
  typedef struct packed {
    logic nan;
    logic pinf;
    logic ninf;
    logic [DspeAccBits-1:0] acc;
  } lane_t;

endpackage
