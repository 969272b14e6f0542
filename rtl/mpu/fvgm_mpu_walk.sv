// Loop nest of a GEMM: batch, then M tiles, then N tiles, then k blocks (innermost). For each block
// it gives the reads to make (block_t) and, with the first block of a tile, the tile for the drain.
//
// DspRows, DspCols: size of the array. Tile: 2*DspRows (INT8) or DspRows (FP16) rows, 2*DspCols
// columns. Addresses are units of 16 bytes (pbuf: entries, rbuf: words) and wrap at their ISA
// width.
//
// The last block of a tile with four or more blocks keeps its A part in the tail bank. Later tiles
// of the same rows do not read it again: so a K that ends inside a block, where a whole block of A
// would have to be read for a part of its steps, costs those reads once per row of tiles and not
// once per tile. Four, because the feed holds three blocks: the tail's previous reader has then
// left.
//
// Latency: the first block is there one cycle after its command. Throughput: one block per cycle,
// also across commands. Errors: none; the scheduler has checked every field.
module fvgm_mpu_walk
  import fvgm_isa_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned DspRows = 8,
  parameter int unsigned DspCols = 4
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  gemm_t cmd_i,
  output logic block_valid_o,
  input  logic block_ready_i,
  output block_t block_o,
  output tile_t tile_o
);

  localparam int unsigned PortA = (DspRows / 8 > 2) ? DspRows / 8 : 2;
  localparam int unsigned PortB = (DspCols / 4 > 2) ? DspCols / 4 : 2;
  localparam int unsigned TileCols = 2 * DspCols;
  localparam int unsigned TailBlock = 3;  // least index of a block that may be a tail

  // Counters count what is left, this tile or block included. Addresses: *_bat of the product, then
  // of the tile, then of the block.
  typedef struct packed {
    logic [15:0] batch_left;
    logic [15:0] m_left;
    logic [15:0] n_left;
    logic [15:0] k_left;
    logic [1:0] block;  // index in the tile, saturates
    logic [AddrBits-1:0] a_bat;
    logic [AddrBits-1:0] a_tile;
    logic [AddrBits-1:0] a_blk;
    logic [AddrBits-1:0] b_bat;
    logic [AddrBits-1:0] b_tile;
    logic [AddrBits-1:0] b_blk;
    logic [AddrBits-1:0] o_bat;
    logic [AddrBits-1:0] o_row;
    logic [AddrBits-1:0] o_tile;
    logic [15:0] r_bat;
    logic [15:0] r_tile;
    logic [15:0] p_tile;
  } loop_t;

  logic active_q, active_d;
  gemm_t cmd_q;
  loop_t loop_q, loop_d;
  logic int8, kn, k_end, n_end, m_end, batch_end, finish, advance;
  logic [15:0] tile_rows, block_steps;
  logic [7:0] rows, cols;
  logic [4:0] steps;
  logic unused_cmd;  // bases are read from cmd_i, some bits are reserved

  assign unused_cmd = ^cmd_q;
  assign int8 = cmd_q.precision == PrecInt8;
  assign kn = !int8 && cmd_q.b_layout == LayoutKn;
  assign tile_rows = int8 ? 16'(2 * DspRows) : 16'(DspRows);
  assign block_steps = int8 ? 16'(Int8BlockSteps) : 16'(Fp16BlockSteps);
  assign k_end = loop_q.k_left <= block_steps;
  assign n_end = loop_q.n_left <= 16'(TileCols);
  assign m_end = loop_q.m_left <= tile_rows;
  assign batch_end = loop_q.batch_left == 16'd1;
  assign finish = k_end && n_end && m_end && batch_end;
  assign advance = block_valid_o && block_ready_i;
  assign rows = m_end ? 8'(loop_q.m_left) : 8'(tile_rows);
  assign cols = n_end ? 8'(loop_q.n_left) : 8'(TileCols);
  assign steps = k_end ? 5'(loop_q.k_left) : 5'(block_steps);

  assign block_valid_o = active_q;
  assign cmd_ready_o = !active_q || (advance && finish);

  always_comb begin
    block_o = '0;
    block_o.precision = precision_e'(cmd_q.precision);
    block_o.b_layout = kn ? LayoutKn : LayoutNk;
    block_o.tile_first = loop_q.block == '0;
    block_o.tile_last = k_end;
    block_o.tail = k_end && loop_q.block == 2'(TailBlock);
    block_o.steps = steps;
    if (!block_o.tail || loop_q.n_left == cmd_q.n) begin
      block_o.a_reads = 8'((9'(rows) + 9'(PortA - 1)) / 9'(PortA));
    end
    block_o.b_reads = kn ? 8'(steps) : 8'((9'(cols) + 9'(PortB - 1)) / 9'(PortB));
    block_o.a_addr = loop_q.a_blk;
    block_o.b_addr = loop_q.b_blk;
    block_o.b_stride = kn ? cmd_q.b_step : AddrBits'(PortB);
  end

  always_comb begin
    tile_o.cmd_last = n_end && m_end && batch_end;
    tile_o.precision = precision_e'(cmd_q.precision);
    tile_o.out_fp32 = cmd_q.out_fp32;
    tile_o.row_scale = cmd_q.row_scale;
    tile_o.col_affine = cmd_q.col_affine;
    tile_o.rows = rows;
    tile_o.cols = cols;
    tile_o.o_addr = loop_q.o_tile;
    tile_o.o_step = cmd_q.o_step;
    tile_o.rbuf_addr = loop_q.r_tile;
    tile_o.pbuf_addr = loop_q.p_tile;
  end

  always_comb begin
    loop_d = loop_q;
    if (advance) begin
      if (!k_end) begin
        loop_d.k_left = loop_q.k_left - block_steps;
        if (loop_q.block != 2'(TailBlock)) loop_d.block = loop_q.block + 1'b1;
        loop_d.a_blk = loop_q.a_blk + cmd_q.a_step;
        loop_d.b_blk = loop_q.b_blk + (kn ? cmd_q.b_step << 3 : cmd_q.b_step);
      end else begin
        loop_d.k_left = cmd_q.k;
        loop_d.block = '0;
        if (!n_end) begin
          loop_d.n_left = loop_q.n_left - 16'(TileCols);
          loop_d.b_tile = loop_q.b_tile + (kn ? AddrBits'(TileCols / 8) : AddrBits'(TileCols));
          loop_d.o_tile = loop_q.o_tile
                          + (cmd_q.out_fp32 ? AddrBits'(TileCols / 4) : AddrBits'(TileCols / 8));
          loop_d.p_tile = loop_q.p_tile + 16'(TileCols / 8);
        end else begin
          loop_d.n_left = cmd_q.n;
          loop_d.p_tile = cmd_q.pbuf_base;
          if (!m_end) begin
            loop_d.m_left = loop_q.m_left - tile_rows;
            loop_d.a_tile = loop_q.a_tile + AddrBits'(tile_rows);
            loop_d.o_row = loop_q.o_row + (int8 ? AddrBits'(2 * DspRows) * cmd_q.o_step
                                                : AddrBits'(DspRows) * cmd_q.o_step);
            loop_d.r_tile = loop_q.r_tile + tile_rows;
          end else begin
            loop_d.m_left = cmd_q.m;
            loop_d.batch_left = loop_q.batch_left - 1'b1;
            loop_d.a_bat = loop_q.a_bat + cmd_q.a_batch;
            loop_d.b_bat = loop_q.b_bat + cmd_q.b_batch;
            loop_d.o_bat = loop_q.o_bat + cmd_q.o_batch;
            loop_d.r_bat = loop_q.r_bat + cmd_q.m;
            loop_d.a_tile = loop_d.a_bat;
            loop_d.o_row = loop_d.o_bat;
            loop_d.r_tile = loop_d.r_bat;
          end
          loop_d.b_tile = loop_d.b_bat;
          loop_d.o_tile = loop_d.o_row;
        end
        loop_d.a_blk = loop_d.a_tile;
        loop_d.b_blk = loop_d.b_tile;
      end
    end
    active_d = active_q && !(advance && finish);
    if (cmd_valid_i && cmd_ready_o) begin
      active_d = 1'b1;
      loop_d.batch_left = cmd_i.batch;
      loop_d.m_left = cmd_i.m;
      loop_d.n_left = cmd_i.n;
      loop_d.k_left = cmd_i.k;
      loop_d.block = '0;
      loop_d.a_bat = cmd_i.a_base;
      loop_d.a_tile = cmd_i.a_base;
      loop_d.a_blk = cmd_i.a_base;
      loop_d.b_bat = cmd_i.b_base;
      loop_d.b_tile = cmd_i.b_base;
      loop_d.b_blk = cmd_i.b_base;
      loop_d.o_bat = cmd_i.o_base;
      loop_d.o_row = cmd_i.o_base;
      loop_d.o_tile = cmd_i.o_base;
      loop_d.r_bat = cmd_i.rbuf_base;
      loop_d.r_tile = cmd_i.rbuf_base;
      loop_d.p_tile = cmd_i.pbuf_base;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) active_q <= 1'b0;
    else active_q <= active_d;
  end

  always_ff @(posedge clk_i) begin
    if (advance || cmd_ready_o) loop_q <= loop_d;
    if (cmd_valid_i && cmd_ready_o) cmd_q <= cmd_i;
  end

endmodule
