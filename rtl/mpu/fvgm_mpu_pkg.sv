// mpu: types that travel between its parts, and the latency between them.
package fvgm_mpu_pkg;

  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;

  localparam int unsigned UnitBits = 128;
  localparam int unsigned ReadLatency = 2;  // of every buffer
  localparam int unsigned RowLatency = 2;  // from the choice of a row to its sums
  localparam int unsigned AddrBits = 20;    // width of a unit address in the ISA
  localparam int unsigned TileCols = 8;     // columns of a tile: one FP16 unit, one pbuf entry

  // One output tile, as the drain needs it.
  typedef struct packed {
    logic cmd_last;  // last tile of its command
    precision_e precision;
    logic out_fp32;
    logic row_scale;
    logic col_affine;
    logic [7:0] rows;  // rows and columns that exist
    logic [3:0] cols;
    logic [AddrBits-1:0] o_addr;
    logic [AddrBits-1:0] o_step;
    logic [15:0] rbuf_addr;
    logic [15:0] pbuf_addr;
  } tile_t;

  // One step of a tile: eight k.
  typedef struct packed {
    precision_e precision;
    logic kn;
    logic upper;  // INT8: the upper eight of the units' sixteen k
    logic tile_first;
    logic tile_last;
    logic [7:0] rows;   // rows, columns and k that exist
    logic [3:0] cols;
    logic [3:0] depth;
  } step_t;

endpackage
