// Loop nest of a GEMM: batch, then M tiles, then N tiles, then steps of eight k (innermost). Gives
// for each step the operands to read and, with the first step of a tile, the tile for the drain.
//
// ChainRows: rows of DSP-E chains. Tile: 4*ChainRows (INT8) or 2*ChainRows (FP16) rows, 8 columns.
// Addresses are units of 16 bytes (pbuf: entries, rbuf: words) and wrap at their ISA width. A unit
// of INT8 operands serves two steps and is read for each.
//
// Reads: A units a_addr_o, a_addr_o + 1, ... (one per row; even for INT8); B units b_addr_o + i * b_stride_o, i 0..7:
// in NK one per column (stride 1), in KN one per k.
// Latency: the first step is there one cycle after its command. Throughput: one step per cycle, also
// across commands. Errors: none; the scheduler has checked every field.
module fvgm_mpu_walk
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned ChainRows = 1
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  gemm_t cmd_i,
  output logic step_valid_o,
  input  logic step_ready_i,
  output step_t step_o,
  output logic [AddrBits-1:0] a_addr_o,
  output logic [AddrBits-1:0] b_addr_o,
  output logic [AddrBits-1:0] b_stride_o,
  output tile_t tile_o
);

  // Counters count what is left, this tile or step included. Addresses: *_bat of the product, then
  // of the tile, then of the step.
  typedef struct packed {
    logic [15:0] batch_left;
    logic [15:0] m_left;
    logic [15:0] n_left;
    logic [15:0] k_left;
    logic tile_first;
    logic upper;
    logic [AddrBits-1:0] a_bat;
    logic [AddrBits-1:0] a_tile;
    logic [AddrBits-1:0] a_step;
    logic [AddrBits-1:0] b_bat;
    logic [AddrBits-1:0] b_tile;
    logic [AddrBits-1:0] b_step;
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
  logic int8, kn, k_end, n_end, m_end, batch_end, finish, advance, next_unit;
  logic [15:0] tile_rows;
  logic unused_cmd;  // bases are read from cmd_i, some bits are reserved

  assign unused_cmd = ^cmd_q;
  assign int8 = cmd_q.precision == PrecInt8;
  assign kn = !int8 && cmd_q.b_layout == LayoutKn;
  assign tile_rows = int8 ? 16'(4 * ChainRows) : 16'(2 * ChainRows);
  assign k_end = loop_q.k_left <= 16'(DspeDepth);
  assign n_end = loop_q.n_left <= 16'(TileCols);
  assign m_end = loop_q.m_left <= tile_rows;
  assign batch_end = loop_q.batch_left == 16'd1;
  assign finish = k_end && n_end && m_end && batch_end;
  assign advance = step_valid_o && step_ready_i;
  assign next_unit = !int8 || loop_q.upper;

  assign step_valid_o = active_q;
  assign cmd_ready_o = !active_q || (advance && finish);
  assign a_addr_o = loop_q.a_step;
  assign b_addr_o = loop_q.b_step;
  assign b_stride_o = kn ? cmd_q.b_step : AddrBits'(1);

  always_comb begin
    step_o.precision = precision_e'(cmd_q.precision);
    step_o.kn = kn;
    step_o.upper = loop_q.upper;
    step_o.tile_first = loop_q.tile_first;
    step_o.tile_last = k_end;
    step_o.rows = m_end ? 8'(loop_q.m_left) : 8'(tile_rows);
    step_o.cols = n_end ? 4'(loop_q.n_left) : 4'(TileCols);
    step_o.depth = k_end ? 4'(loop_q.k_left) : 4'(DspeDepth);
  end

  always_comb begin
    tile_o.cmd_last = n_end && m_end && batch_end;
    tile_o.precision = precision_e'(cmd_q.precision);
    tile_o.out_fp32 = cmd_q.out_fp32;
    tile_o.row_scale = cmd_q.row_scale;
    tile_o.col_affine = cmd_q.col_affine;
    tile_o.rows = step_o.rows;
    tile_o.cols = step_o.cols;
    tile_o.o_addr = loop_q.o_tile;
    tile_o.o_step = cmd_q.o_step;
    tile_o.rbuf_addr = loop_q.r_tile;
    tile_o.pbuf_addr = loop_q.p_tile;
  end

  always_comb begin
    loop_d = loop_q;
    if (advance) begin
      if (!k_end) begin
        loop_d.k_left = loop_q.k_left - 16'(DspeDepth);
        loop_d.tile_first = 1'b0;
        loop_d.upper = int8 && !loop_q.upper;
        if (next_unit) begin
          loop_d.a_step = loop_q.a_step + cmd_q.a_step;
          loop_d.b_step = loop_q.b_step + (kn ? cmd_q.b_step << 3 : cmd_q.b_step);
        end
      end else begin
        loop_d.k_left = cmd_q.k;
        loop_d.tile_first = 1'b1;
        loop_d.upper = 1'b0;
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
            loop_d.o_row = loop_q.o_row + (int8 ? AddrBits'(4 * ChainRows) * cmd_q.o_step
                                                : AddrBits'(2 * ChainRows) * cmd_q.o_step);
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
        loop_d.a_step = loop_d.a_tile;
        loop_d.b_step = loop_d.b_tile;
      end
    end
    active_d = active_q && !(advance && finish);
    if (cmd_valid_i && cmd_ready_o) begin
      active_d = 1'b1;
      loop_d.batch_left = cmd_i.batch;
      loop_d.m_left = cmd_i.m;
      loop_d.n_left = cmd_i.n;
      loop_d.k_left = cmd_i.k;
      loop_d.tile_first = 1'b1;
      loop_d.upper = 1'b0;
      loop_d.a_bat = cmd_i.a_base;
      loop_d.a_tile = cmd_i.a_base;
      loop_d.a_step = cmd_i.a_base;
      loop_d.b_bat = cmd_i.b_base;
      loop_d.b_tile = cmd_i.b_base;
      loop_d.b_step = cmd_i.b_base;
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
