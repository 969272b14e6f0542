// Drain of the mpu: takes finished tiles out of the array, one row per cycle, through the epilogue
// (docs/numerics.md): FP32 conversion, row scale, column affine, FP16 or FP32 out, write into vbuf.
//
//   cycle 0   row chosen, rbuf read                     8   times a of pbuf (or 1)
//         1   row out of the array's multiplexer       11   plus b (or -0)
//         1   INT8 waits two cycles                    15   FP16, or FP32 waits two cycles
//         5   FP32, times row scale (or 1)             17   FIFO of rows, then vbuf
// The array cannot wait once a tile's last step is in it. So that step is let in (last_ok_o) only
// when the FIFO has places for all rows of the tile, and when the tile before it is so far ahead
// (in steps that the array could take, advance_i) that its rows are out of the drain registers in
// time. Neutral operands replace bypasses: v * 1 = v and v + (-0) = v, because v is never subnormal
// and NaN always canonical.
//
// Tiles are announced (tile_*) before they are computed, in order. last_i: the last step of a tile of
// last_rows_i rows goes into the array. drain_valid_i: results of the oldest tile are there.
// Columns at and beyond N in the last group of 8 are +0. done_o pulses when the last word of a
// command was accepted. Latency: 18 cycles from row to vbuf. Throughput: one tile row per cycle.
// Errors: none.
`include "fvgm_assert.svh"

module fvgm_mpu_drain
  import fvgm_isa_pkg::*;
  import fvgm_fp_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned ChainRows = 1,
  parameter int unsigned VBufUnits = 2048,
  parameter int unsigned PBufEntries = 64,
  parameter int unsigned RBufWords = 256,
  localparam int unsigned PortV = TileCols / 4
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic tile_valid_i,
  output logic tile_ready_o,
  input  tile_t tile_i,
  input  logic advance_i,
  input  logic last_i,
  input  logic [7:0] last_rows_i,
  output logic last_ok_o,
  input  logic drain_valid_i,
  output logic row_valid_o,
  output precision_e row_precision_o,
  output logic [7:0] row_o,
  input  logic [TileCols-1:0][31:0] row_int_i,
  input  lane_t [TileCols-1:0] row_fp_i,
  output logic pbuf_rd_valid_o,
  output logic [$clog2(PBufEntries)-1:0] pbuf_rd_addr_o,
  input  logic [511:0] pbuf_rd_data_i,
  output logic rbuf_rd_valid_o,
  output logic [$clog2(RBufWords)-1:0] rbuf_rd_addr_o,
  input  logic [31:0] rbuf_rd_data_i,
  output logic vbuf_wr_valid_o,
  input  logic vbuf_wr_ready_i,
  output logic [PortV-1:0] vbuf_wr_mask_o,
  output logic [PortV-1:0][$clog2(VBufUnits)-1:0] vbuf_wr_addr_o,
  output logic [PortV-1:0][UnitBits-1:0] vbuf_wr_data_o,
  output logic done_o,
  output logic busy_o
);

  localparam int unsigned Lanes = TileCols;
  localparam int unsigned Tiles = 16;  // announced and not yet drained
  // Rows between the entry of their tile's last step and vbuf: two tiles and both pipelines.
  localparam int unsigned Depth = 2 ** $clog2(8 * ChainRows + 40);
  localparam int unsigned PointerBits = $clog2(Depth);
  localparam int unsigned TileBits = $clog2(Tiles);
  localparam logic [31:0] Fp32MinusZero = 32'h8000_0000;

  // Cycles from the choice of a row.
  localparam int unsigned ToFp = RowLatency + AccToFpLatency;
  localparam int unsigned ToMulA = ToFp + FpMulLatency;
  localparam int unsigned ToAddB = ToMulA + FpMulLatency;
  localparam int unsigned ToF16 = ToAddB + FpAddLatency;
  localparam int unsigned ToFifo = ToF16 + FpToF16Latency;
  localparam int unsigned ToPbuf = ToMulA - ReadLatency;
  localparam int unsigned IntWait = AccToFpLatency - IntToFpLatency;
  localparam int unsigned ScaleWait = ToFp - ReadLatency;

  typedef struct packed {
    logic fp16;
    logic row_scale;
    logic col_affine;
  } row_t;

  typedef struct packed {
    logic cmd_last;
    logic out_fp32;
    logic [3:0] cols;
    logic [AddrBits-1:0] addr;
  } meta_t;

  // Announced tiles.
  tile_t tiles_q [Tiles];
  tile_t head;
  logic [TileBits:0] tile_wr_q, tile_rd_q;

  assign tile_ready_o = tile_wr_q - tile_rd_q != (TileBits+1)'(Tiles);
  assign head = tiles_q[tile_rd_q[TileBits-1:0]];

  always_ff @(posedge clk_i) begin
    if (tile_valid_i && tile_ready_o) tiles_q[tile_wr_q[TileBits-1:0]] <= tile_i;
  end

  // Admission of last steps. places_q: FIFO places not promised. gap_q: steps that must pass before
  // the next last step, so that results come no faster than rows leave.
  logic [PointerBits:0] places_q;
  logic [7:0] gap_q;
  logic fifo_pop;

  assign last_ok_o = gap_q == '0 && 32'(places_q) >= 32'(last_rows_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      places_q <= (PointerBits+1)'(Depth);
      gap_q <= '0;
    end else begin
      places_q <= places_q + (PointerBits+1)'(fifo_pop)
                  - (last_i ? (PointerBits+1)'(last_rows_i) : '0);
      if (last_i) gap_q <= last_rows_i - 8'd1;
      else if (advance_i && gap_q != '0) gap_q <= gap_q - 8'd1;
    end
  end

  // Rows of the oldest tile, from the cycle in which its results are there.
  logic active_q, row_fire, row_last;
  logic [7:0] row_q;
  logic [AddrBits-1:0] addr_q, addr;

  assign row_fire = drain_valid_i || active_q;
  assign row_last = row_o == head.rows - 8'd1;
  assign row_o = drain_valid_i ? 8'd0 : row_q;
  assign addr = drain_valid_i ? head.o_addr : addr_q;

  assign row_valid_o = row_fire;
  assign row_precision_o = head.precision;
  assign rbuf_rd_valid_o = row_fire && head.row_scale;
  assign rbuf_rd_addr_o = $bits(rbuf_rd_addr_o)'(head.rbuf_addr + 16'(row_o));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      tile_wr_q <= '0;
      tile_rd_q <= '0;
    end else begin
      active_q <= row_fire && !row_last;
      if (tile_valid_i && tile_ready_o) tile_wr_q <= tile_wr_q + 1'b1;
      if (row_fire && row_last) tile_rd_q <= tile_rd_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (row_fire) begin
      row_q <= row_o + 8'd1;
      addr_q <= addr + head.o_step;
    end
  end

  // Control that goes with a row: index i holds what left i + 1 cycles ago.
  logic [ToFifo-1:0] valid_q;
  row_t row_pipe_q [ToAddB];
  logic [15:0] pbuf_addr_q [ToPbuf];
  logic unused_row;

  assign unused_row = ^{row_pipe_q[ToAddB-1].fp16, row_pipe_q[ToAddB-1].row_scale};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[ToFifo-2:0], row_fire};
  end

  always_ff @(posedge clk_i) begin
    if (row_fire) begin
      row_pipe_q[0] <= '{
        fp16: head.precision == PrecFp16,
        row_scale: head.row_scale,
        col_affine: head.col_affine
      };
      pbuf_addr_q[0] <= head.pbuf_addr;
    end
    for (int unsigned i = 1; i < ToAddB; i++) begin
      if (valid_q[i-1]) row_pipe_q[i] <= row_pipe_q[i-1];
    end
    for (int unsigned i = 1; i < ToPbuf; i++) begin
      if (valid_q[i-1]) pbuf_addr_q[i] <= pbuf_addr_q[i-1];
    end
  end

  // A tile's eight channels are one entry of pbuf, read for each row in time for its multiplication.
  assign pbuf_rd_valid_o = valid_q[ToPbuf-1] && row_pipe_q[ToPbuf-1].col_affine;
  assign pbuf_rd_addr_o = $bits(pbuf_rd_addr_o)'(pbuf_addr_q[ToPbuf-1]);

  // Row scale, from rbuf to the multiplier.
  logic [31:0] scale_q [ScaleWait];
  logic [31:0] scale;

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < ScaleWait; i++) begin
      if (valid_q[ReadLatency-1+i] && row_pipe_q[ReadLatency-1+i].row_scale) begin
        scale_q[i] <= (i == 0) ? rbuf_rd_data_i : scale_q[(i == 0) ? 0 : i - 1];
      end
    end
  end

  assign scale = row_pipe_q[ToFp-1].row_scale ? scale_q[ScaleWait-1] : Fp32One;

  // Lanes.
  logic fp_valid, int_valid;
  logic [Lanes-1:0][15:0] f16;
  logic [Lanes-1:0][31:0] f32;

  assign fp_valid = valid_q[RowLatency-1] && row_pipe_q[RowLatency-1].fp16;
  assign int_valid = valid_q[ToFp-IntToFpLatency-1] && !row_pipe_q[ToFp-IntToFpLatency-1].fp16;

  for (genvar c = 0; c < Lanes; c++) begin : g_lane
    logic [31:0] int_q [IntWait];
    logic [31:0] from_int, from_acc, value, scaled, product, sum, coef_a, coef_b;
    logic [31:0] b_q [FpMulLatency];
    logic [31:0] f32_q [FpToF16Latency];
    logic unused_from_int, unused_from_acc, unused_scaled, unused_product, unused_sum, unused_f16;

    always_ff @(posedge clk_i) begin
      for (int unsigned i = 0; i < IntWait; i++) begin
        if (valid_q[RowLatency-1+i] && !row_pipe_q[RowLatency-1+i].fp16) begin
          int_q[i] <= (i == 0) ? row_int_i[c] : int_q[(i == 0) ? 0 : i - 1];
        end
      end
    end

    fvgm_i32_to_fp32 u_from_int (
      .clk_i, .rst_ni, .valid_i(int_valid), .a_i(int_q[IntWait-1]),
      .valid_o(unused_from_int), .y_o(from_int)
    );

    fvgm_acc_to_fp32 u_from_acc (
      .clk_i, .rst_ni, .valid_i(fp_valid), .acc_i(row_fp_i[c].acc), .nan_i(row_fp_i[c].nan),
      .pinf_i(row_fp_i[c].pinf), .ninf_i(row_fp_i[c].ninf),
      .valid_o(unused_from_acc), .y_o(from_acc)
    );

    assign value = row_pipe_q[ToFp-1].fp16 ? from_acc : from_int;

    fvgm_fp32_mul u_scale (
      .clk_i, .rst_ni, .valid_i(valid_q[ToFp-1]), .a_i(value), .b_i(scale),
      .valid_o(unused_scaled), .y_o(scaled)
    );

    // b waits for the product.
    always_ff @(posedge clk_i) begin
      b_q[0] <= pbuf_rd_data_i[64*c+32+:32];
      for (int unsigned i = 1; i < FpMulLatency; i++) b_q[i] <= b_q[i-1];
    end

    assign coef_a = row_pipe_q[ToMulA-1].col_affine ? pbuf_rd_data_i[64*c+:32] : Fp32One;
    assign coef_b = row_pipe_q[ToAddB-1].col_affine ? b_q[FpMulLatency-1] : Fp32MinusZero;

    fvgm_fp32_mul u_mul_a (
      .clk_i, .rst_ni, .valid_i(valid_q[ToMulA-1]), .a_i(scaled), .b_i(coef_a),
      .valid_o(unused_product), .y_o(product)
    );

    fvgm_fp32_add u_add_b (
      .clk_i, .rst_ni, .valid_i(valid_q[ToAddB-1]), .a_i(product), .b_i(coef_b),
      .valid_o(unused_sum), .y_o(sum)
    );

    fvgm_fp32_to_fp16 u_to_f16 (
      .clk_i, .rst_ni, .valid_i(valid_q[ToF16-1]), .a_i(sum),
      .valid_o(unused_f16), .y_o(f16[c])
    );

    always_ff @(posedge clk_i) begin
      for (int unsigned i = 0; i < FpToF16Latency; i++) begin
        if (valid_q[ToF16-1+i]) f32_q[i] <= (i == 0) ? sum : f32_q[(i == 0) ? 0 : i - 1];
      end
    end

    assign f32[c] = f32_q[FpToF16Latency-1];
  end

  // FIFO of rows: its place and meta are taken when the row leaves, its data come ToFifo cycles
  // later. FP16 rows occupy the low half of a data entry.
  meta_t meta_q [Depth];
  logic [Lanes-1:0][31:0] data_q [Depth];
  logic [PointerBits:0] meta_wr_q, data_wr_q, rd_q;
  meta_t out;
  logic [Lanes-1:0][31:0] out_data;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      meta_wr_q <= '0;
      data_wr_q <= '0;
      rd_q <= '0;
      done_o <= 1'b0;
    end else begin
      meta_wr_q <= meta_wr_q + (PointerBits+1)'(row_fire);
      data_wr_q <= data_wr_q + (PointerBits+1)'(valid_q[ToFifo-1]);
      rd_q <= rd_q + (PointerBits+1)'(fifo_pop);
      done_o <= fifo_pop && out.cmd_last;
    end
  end

  always_ff @(posedge clk_i) begin
    if (row_fire) begin
      meta_q[meta_wr_q[PointerBits-1:0]] <= '{
        cmd_last: head.cmd_last && row_last,
        out_fp32: head.out_fp32,
        cols: head.cols,
        addr: addr
      };
    end
    if (valid_q[ToFifo-1]) begin
      data_q[data_wr_q[PointerBits-1:0]] <=
          meta_q[data_wr_q[PointerBits-1:0]].out_fp32 ? f32 : (32 * Lanes)'(f16);
    end
  end

  assign out = meta_q[rd_q[PointerBits-1:0]];
  assign out_data = data_q[rd_q[PointerBits-1:0]];
  assign vbuf_wr_valid_o = rd_q != data_wr_q;
  assign fifo_pop = vbuf_wr_valid_o && vbuf_wr_ready_i;
  assign busy_o = tile_wr_q != tile_rd_q || 32'(places_q) != Depth;

  // FP16: one unit of eight columns. FP32: two of four.
  for (genvar u = 0; u < PortV; u++) begin : g_out
    logic [UnitBits-1:0] data;

    always_comb begin
      data = out_data[4*u+:4];
      for (int unsigned e = 0; e < 4; e++) begin
        if (out.out_fp32 && 4'(4 * u + e) >= out.cols) data[32*e+:32] = '0;
      end
      for (int unsigned e = 0; e < 8; e++) begin
        if (!out.out_fp32 && 4'(e) >= out.cols) data[16*e+:16] = '0;
      end
    end

    assign vbuf_wr_mask_o[u] = out.out_fp32 || u == 0;
    assign vbuf_wr_addr_o[u] = $bits(vbuf_wr_addr_o[u])'(out.addr + AddrBits'(u));
    assign vbuf_wr_data_o[u] = data;
  end

  `FVGM_ASSERT(RowsOutInTime, drain_valid_i |-> !active_q)
  `FVGM_ASSERT(PlaceForRow, row_fire |-> meta_wr_q - rd_q != (PointerBits+1)'(Depth))

endmodule
