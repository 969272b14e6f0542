// Types and widths of the sparsification unit (docs/su.md).
package fvgm_su_pkg;

  localparam int unsigned SuLanes = 32;
  localparam int unsigned SuOperandBits = 17;  // sign of an INT8, 16 bits of magnitude
  localparam int unsigned SuSumBits = 38;      // product sum of a chunk
  localparam int unsigned SuAccBits = 52;
  localparam int unsigned SuRows = 1024;
  localparam int unsigned SuRowBits = 10;
  localparam int unsigned SuInFlight = 8;      // rows between issue and decision
  localparam int unsigned SuInt8Exp = 22;      // exponent of a chunk of INT8
  // Cycles from the operands of a chunk to its product sum: 6 of a chain, 3 of the adders.
  localparam int unsigned SuLaneLatency = 9;

  // What a slot of the pipeline does. The lowest two bits name the sum of the first four.
  typedef enum logic [2:0] {
    SlotNorm = 3'd0,    // x by itself; x stays in the lanes
    SlotWindow = 3'd1,  // reference by x
    SlotStep = 3'd2,    // cached row by x
    SlotCached = 3'd3,  // cached row by itself
    SlotMeta = 3'd4,    // ages and norms of two rows
    SlotMask = 3'd5     // mask bits of 128 rows
  } slot_e;

  typedef struct packed {
    logic valid;
    slot_e kind;
    logic first;    // first chunk of the row
    logic last;     // last chunk of the row
    logic row_end;  // last slot of the row
    logic keep;     // mask bit, from the load stage on
  } token_t;

  // A row as the walk describes it.
  typedef struct packed {
    logic [SuRowBits-1:0] row;
    logic [19:0] x_addr;
    logic [19:0] c_addr;
    logic [19:0] ref_addr;
    logic [SuRowBits-1:0] ref_row;
    logic use_ref;  // it has a reference, another row of the tile
  } row_t;

  // What pass A leaves of a row for the passes that write.
  typedef struct packed {
    logic [31:0] norm;    // for meta
    logic [31:0] square;  // of the window's dot product; sign: the product is not positive
    logic [31:0] bound;   // thr_window * norm
    logic [SuRowBits-1:0] ref_row;
    logic use_ref;
    logic dropped;        // by step, or by the mask
    logic [3:0] age;
  } record_t;

  // a > b for a that is not negative and not NaN (a may be infinite); false for b NaN.
  function automatic logic exceeds(logic [30:0] a, logic [31:0] b);
    logic nan;
    nan = (b[30:23] == '1) && (b[22:0] != '0);
    return !nan && (b[31] ? (a != '0 || b[30:0] != '0) : (a > b[30:0]));
  endfunction

endpackage
