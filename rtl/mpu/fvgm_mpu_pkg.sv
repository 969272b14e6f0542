// mpu: types that travel between its parts, and the latency between them.
package fvgm_mpu_pkg;

  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;

  localparam int unsigned UnitBits = 128;
  localparam int unsigned ReadLatency = 2;  // of every buffer
  localparam int unsigned AddrBits = 20;  // width of a unit address in the ISA

  // Cycles from a step's choice until the array's drain registers hold
  // its sums: operand register of the feed, broadcast register of the array, DSP-E.
  localparam int unsigned StepLatency = DspeLatency + 2;

  localparam int unsigned Int8BlockSteps = 16;
  localparam int unsigned Fp16BlockSteps = 8;

  // One k step of the array, without its operands.
  typedef struct packed {
    logic first;
    logic last;
    precision_e precision;
  } step_t;

  // One output tile, as the drain needs it.
  typedef struct packed {
    logic cmd_last;  // last tile of its command
    precision_e precision;
    logic out_fp32;
    logic row_scale;
    logic col_affine;
    logic [7:0] rows;  // rows and columns that exist
    logic [7:0] cols;
    logic [AddrBits-1:0] o_addr;
    logic [AddrBits-1:0] o_step;
    logic [15:0] rbuf_addr;
    logic [15:0] pbuf_addr;
  } tile_t;

  // Operand block: up to 16 (INT8) or 8 (FP16) k steps of one tile.
  typedef struct packed {
    precision_e precision;
    layout_e b_layout;
    logic tile_first;
    logic tile_last;
    logic tail;  // the A part is in the tail bank, for later tiles of the same rows too
    logic [4:0] steps;
    logic [7:0] a_reads;  // 0: the tail bank holds it already
    logic [7:0] b_reads;
    logic [AddrBits-1:0] a_addr;
    logic [AddrBits-1:0] b_addr;
    logic [AddrBits-1:0] b_stride;  // units from one read of B to the next
  } block_t;

endpackage
