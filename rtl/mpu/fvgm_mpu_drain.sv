// Drain of the mpu: takes finished tiles out of the array, one row per cycle, through the epilogue
// (docs/numerics.md): FP32 conversion, row scale, column affine, FP16 or FP32 out, write into vbuf.
//
//   cycle 0   row chosen, rbuf and FIFO place taken     5   times row scale (or 1)
//         1   row out of the array's multiplexer        8   times a (or 1)
//         1   INT8 waits two cycles                    11   plus b (or -0)
//         5   FP32                                     15   FP16, or FP32 waits two cycles
//                                                      17   FIFO of rows, then vbuf
// A row leaves only when the FIFO has a place for it, so no stage ever stalls. Neutral operands
// replace bypasses: v * 1 = v and v + (-0) = v, because v is never subnormal and NaN always
// canonical.
//
// Tiles are announced (tile_*) before they are computed, in order; their column affines are fetched
// at once into one of four slots. last_i: a tile's last step leaves the feed in this cycle.
// last_ok_o: it may, because the array's drain registers will have been read StepLatency cycles
// from now: they are empty, or at most that many rows are left and the FIFO has places for all of
// them.
//
// DspCols: 2*DspCols lanes. Columns at and beyond N in the last group of 8 are +0, groups beyond
// are not written. done_o pulses when the last word of a command was accepted. Latency: 18 cycles
// from row to vbuf. Throughput: one tile row per cycle. Errors: none.
module fvgm_mpu_drain
  import fvgm_isa_pkg::*;
  import fvgm_fp_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned DspRows = 8,
  parameter int unsigned DspCols = 4,
  parameter int unsigned VBufUnits = 2048,
  parameter int unsigned PBufEntries = 64,
  parameter int unsigned RBufWords = 256,
  localparam int unsigned PortV = DspCols / 2
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic tile_valid_i,
  output logic tile_ready_o,
  input  tile_t tile_i,
  input  logic last_i,
  output logic last_ok_o,
  output logic row_valid_o,
  output precision_e row_precision_o,
  output logic [$clog2(2*DspRows)-1:0] row_o,
  input  logic [2*DspCols-1:0][31:0] row_int_i,
  input  lane_t [2*DspCols-1:0] row_fp_i,
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

  localparam int unsigned Lanes = 2 * DspCols;
  localparam int unsigned Groups = Lanes / 8;
  localparam int unsigned Tiles = 8;   // announced and not yet drained
  localparam int unsigned Slots = 4;   // column affines, by the low bits of the tile's number
  localparam int unsigned Depth = 32;  // rows between their choice and vbuf: 18 in the pipeline
  localparam logic [31:0] Fp32MinusZero = 32'h8000_0000;

  // Cycles from the choice of a row.
  localparam int unsigned ToFp = 1 + AccToFpLatency;
  localparam int unsigned ToMulA = ToFp + FpMulLatency;
  localparam int unsigned ToAddB = ToMulA + FpMulLatency;
  localparam int unsigned ToF16 = ToAddB + FpAddLatency;
  localparam int unsigned ToFifo = ToF16 + FpToF16Latency;
  localparam int unsigned IntWait = AccToFpLatency - IntToFpLatency;
  localparam int unsigned ScaleWait = ToFp - ReadLatency;

  typedef struct packed {
    logic fp16;
    logic row_scale;
    logic col_affine;
    logic [1:0] slot;
    logic tile_last;  // last row of its tile
  } row_t;

  typedef struct packed {
    logic cmd_last;
    logic out_fp32;
    logic [7:0] cols;
    logic [AddrBits-1:0] addr;
  } meta_t;

  // Announced tiles.
  tile_t tiles_q [Tiles];
  tile_t head, fetch_tile;
  logic unused_tile;  // each of the two uses a part
  logic [3:0] tile_wr_q, tile_fetch_q, tile_rd_q, tile_free_q;

  assign unused_tile = ^{head, fetch_tile};
  assign tile_ready_o = tile_wr_q - tile_rd_q != 4'(Tiles);
  assign head = tiles_q[tile_rd_q[2:0]];
  assign fetch_tile = tiles_q[tile_fetch_q[2:0]];

  always_ff @(posedge clk_i) begin
    if (tile_valid_i && tile_ready_o) tiles_q[tile_wr_q[2:0]] <= tile_i;
  end

  // Fetch of column affines: one entry of 8 channels per cycle.
  logic fetch_open, fetch_last;
  logic [7:0] fetch_q;
  logic [ReadLatency-1:0] coef_valid_q;
  logic [7:0] coef_group_q [ReadLatency];
  logic [1:0] coef_slot_q [ReadLatency];

  assign fetch_open = tile_fetch_q != tile_wr_q && tile_fetch_q - tile_free_q < 4'(Slots);
  assign pbuf_rd_valid_o = fetch_open && fetch_tile.col_affine;
  assign pbuf_rd_addr_o = $bits(pbuf_rd_addr_o)'(fetch_tile.pbuf_addr + 16'(fetch_q));
  assign fetch_last = !fetch_tile.col_affine || 9'({fetch_q, 3'b0}) + 9'd8 >= 9'(fetch_tile.cols);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fetch_q <= '0;
      tile_fetch_q <= '0;
      coef_valid_q <= '0;
    end else begin
      coef_valid_q <= {coef_valid_q[ReadLatency-2:0], pbuf_rd_valid_o};
      if (fetch_open) begin
        fetch_q <= fetch_last ? 8'd0 : fetch_q + 8'd1;
        if (fetch_last) tile_fetch_q <= tile_fetch_q + 4'd1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (pbuf_rd_valid_o) begin
      coef_group_q[0] <= fetch_q;
      coef_slot_q[0] <= tile_fetch_q[1:0];
    end
    for (int unsigned i = 1; i < ReadLatency; i++) begin
      coef_group_q[i] <= coef_group_q[i-1];
      coef_slot_q[i] <= coef_slot_q[i-1];
    end
  end

  // Rows. full_q: the array's drain registers hold the head tile.
  logic [StepLatency-2:0] last_q;
  logic full_q, row_fire, row_last, fifo_pop;
  logic [7:0] row_q, rows_left_q, rows_left;
  logic [AddrBits-1:0] addr_q, addr;
  logic [5:0] places_q;

  assign rows_left = row_q == '0 ? head.rows : rows_left_q;
  assign row_fire = full_q && tile_fetch_q != tile_rd_q && places_q != '0;
  assign row_last = rows_left == 8'd1;
  assign addr = row_q == '0 ? head.o_addr : addr_q;
  assign last_ok_o = last_q == '0
      && (!full_q || (row_fire && rows_left <= 8'(StepLatency) && rows_left <= 8'(places_q)));

  assign row_valid_o = row_fire;
  assign row_precision_o = head.precision;
  assign row_o = $bits(row_o)'(row_q);
  assign rbuf_rd_valid_o = row_fire && head.row_scale;
  assign rbuf_rd_addr_o = $bits(rbuf_rd_addr_o)'(head.rbuf_addr + 16'(row_q));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      last_q <= '0;
      full_q <= 1'b0;
      row_q <= '0;
      tile_wr_q <= '0;
      tile_rd_q <= '0;
      places_q <= 6'(Depth);
    end else begin
      last_q <= {last_q[StepLatency-3:0], last_i};
      full_q <= last_q[StepLatency-2] || (full_q && !(row_fire && row_last));
      if (row_fire) row_q <= row_last ? 8'd0 : row_q + 8'd1;
      if (tile_valid_i && tile_ready_o) tile_wr_q <= tile_wr_q + 4'd1;
      if (row_fire && row_last) tile_rd_q <= tile_rd_q + 4'd1;
      places_q <= places_q + 6'(fifo_pop) - 6'(row_fire);
    end
  end

  always_ff @(posedge clk_i) begin
    if (row_fire) begin
      addr_q <= addr + head.o_step;
      rows_left_q <= rows_left - 8'd1;
    end
  end

  // Control that goes with a row: index i holds what left i + 1 cycles ago.
  logic [ToFifo-1:0] valid_q;
  row_t row_pipe_q [ToAddB];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      tile_free_q <= '0;
    end else begin
      valid_q <= {valid_q[ToFifo-2:0], row_fire};
      if (valid_q[ToAddB-1] && row_pipe_q[ToAddB-1].tile_last) tile_free_q <= tile_free_q + 4'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (row_fire) begin
      row_pipe_q[0] <= '{
        fp16: head.precision == PrecFp16,
        row_scale: head.row_scale,
        col_affine: head.col_affine,
        slot: tile_rd_q[1:0],
        tile_last: row_last
      };
    end
    for (int unsigned i = 1; i < ToAddB; i++) begin
      if (valid_q[i-1]) row_pipe_q[i] <= row_pipe_q[i-1];
    end
  end

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

  assign fp_valid = valid_q[0] && row_pipe_q[0].fp16;
  assign int_valid = valid_q[IntWait] && !row_pipe_q[IntWait].fp16;

  for (genvar c = 0; c < Lanes; c++) begin : g_lane
    logic [31:0] int_q [IntWait];
    logic [31:0] from_int, from_acc, value, scaled, product, sum, coef_a, coef_b;
    logic [31:0] a_q [Slots];
    logic [31:0] b_q [Slots];
    logic [31:0] f32_q [FpToF16Latency];
    logic unused_from_int, unused_from_acc, unused_scaled, unused_product, unused_sum, unused_f16;

    always_ff @(posedge clk_i) begin
      if (valid_q[0] && !row_pipe_q[0].fp16) int_q[0] <= row_int_i[c];
      for (int unsigned i = 1; i < IntWait; i++) begin
        if (valid_q[i] && !row_pipe_q[i].fp16) int_q[i] <= int_q[i-1];
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

    always_ff @(posedge clk_i) begin
      if (coef_valid_q[ReadLatency-1] && coef_group_q[ReadLatency-1] == 8'(c / 8)) begin
        a_q[coef_slot_q[ReadLatency-1]] <= pbuf_rd_data_i[64*(c%8)+:32];
        b_q[coef_slot_q[ReadLatency-1]] <= pbuf_rd_data_i[64*(c%8)+32+:32];
      end
    end

    assign coef_a = row_pipe_q[ToMulA-1].col_affine ? a_q[row_pipe_q[ToMulA-1].slot] : Fp32One;
    assign coef_b = row_pipe_q[ToAddB-1].col_affine ? b_q[row_pipe_q[ToAddB-1].slot]
                                                    : Fp32MinusZero;

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
  logic [5:0] meta_wr_q, data_wr_q, rd_q;
  meta_t out;
  logic [Lanes-1:0][31:0] out_data;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      meta_wr_q <= '0;
      data_wr_q <= '0;
      rd_q <= '0;
      done_o <= 1'b0;
    end else begin
      meta_wr_q <= meta_wr_q + 6'(row_fire);
      data_wr_q <= data_wr_q + 6'(valid_q[ToFifo-1]);
      rd_q <= rd_q + 6'(fifo_pop);
      done_o <= fifo_pop && out.cmd_last;
    end
  end

  always_ff @(posedge clk_i) begin
    if (row_fire) begin
      meta_q[meta_wr_q[4:0]] <= '{
        cmd_last: head.cmd_last && row_last,
        out_fp32: head.out_fp32,
        cols: head.cols,
        addr: addr
      };
    end
    if (valid_q[ToFifo-1]) begin
      data_q[data_wr_q[4:0]] <= meta_q[data_wr_q[4:0]].out_fp32 ? f32 : (32 * Lanes)'(f16);
    end
  end

  assign out = meta_q[rd_q[4:0]];
  assign out_data = data_q[rd_q[4:0]];
  assign vbuf_wr_valid_o = rd_q != data_wr_q;
  assign fifo_pop = vbuf_wr_valid_o && vbuf_wr_ready_i;
  assign busy_o = tile_wr_q != tile_rd_q || places_q != 6'(Depth);

  for (genvar u = 0; u < PortV; u++) begin : g_out
    localparam int unsigned Group32 = u / 2;
    logic [UnitBits-1:0] data;

    always_comb begin
      data = out_data[4*u+:4];
      for (int unsigned e = 0; e < 4; e++) begin
        if (out.out_fp32 && 8'(4 * u + e) >= out.cols) data[32*e+:32] = '0;
      end
      for (int unsigned e = 0; e < 8; e++) begin
        if (!out.out_fp32 && 8'(8 * u + e) >= out.cols) data[16*e+:16] = '0;
      end
    end

    assign vbuf_wr_mask_o[u] = out.out_fp32 ? 8'(8 * Group32) < out.cols
                                            : (u < Groups) && 8'(8 * u) < out.cols;
    assign vbuf_wr_addr_o[u] = $bits(vbuf_wr_addr_o[u])'(out.addr + AddrBits'(u));
    assign vbuf_wr_data_o[u] = data;
  end

endmodule
