// Scan of the sfu: reads every row of LAYERNORM and SOFTMAX once, ahead of the lanes, for its mean or its
// greatest x. It has a read port of vbuf of its own, so that the lanes need no pass for these.
//
//   batches -> walk -> vbuf -> load -> FP32 -+-> max ------------------> max_*
//                                            +-> sum -> [* imm0] -> - -> mean_*
//
// Batches come in banks filled in turn (filled_i, batch_i: fvgm_sfu_batch); those of other operations are
// passed over. vbuf read: `rd_valid_o`, `rd_addr_o` (first of two units), `rd_ready_i`; data two cycles
// later. FP16: every second group reads; FP32: every group.
// Latency from the slot of a row's last group: max 9, mean 33 cycles (docs/sfu.md). One group per cycle,
// rows and batches back to back. Rows' scalars wait in the lanes' operands, a place per row of a bank,
// so nothing stops the scan but the reads. No error outputs.
`include "fvgm_assert.svh"

module fvgm_sfu_scan
  import fvgm_fp_pkg::*;
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic   clk_i,
    input  logic   rst_ni,
    input  logic   filled_i,
    input  batch_t batch_i[Banks],

    output logic                  rd_valid_o,
    input  logic                  rd_ready_i,
    output logic [  AddrBits-1:0] rd_addr_o,
    input  logic [2*UnitBits-1:0] rd_data_i,

    output logic        max_valid_o,
    output ctx_t        max_ctx_o,
    output logic [31:0] max_o,
    output logic        mean_valid_o,
    output ctx_t        mean_ctx_o,
    output logic [31:0] neg_mean_o
);

  localparam int unsigned CountBits = $clog2(Banks + 1);

  // Walk. count_q: batches from bank_q on, the open one included.
  logic open_q, open_d, advance, reads, row_end, close, enter;
  logic [CountBits-1:0] count_q, left;
  logic [BankBits-1:0] bank_q, bank_d;
  logic [RowBits-1:0] row_q;
  logic [GroupBits-1:0] group_q;
  logic [AddrBits-1:0] x_row_q, x_addr_q, next_row;
  batch_t batch, candidate;
  logic unused_batch;

  always_comb begin
    batch = batch_i[bank_q];
    reads = batch.fp32 || !group_q[0];
    row_end = group_q == batch.last_group;
    next_row = x_row_q + batch.x_step;
  end

  // Apart from the above, on which the read's ready depends
  always_comb begin
    advance = open_q && (!reads || rd_ready_i);
    close = advance && row_end && row_q == batch.last_row;
    left = count_q - CountBits'(close);
    candidate = batch_i[bank_q+BankBits'(close)];
    enter = (!open_q || close) && left != '0;
    open_d = enter ? scanned(candidate.op) : open_q && !close;
    bank_d = bank_q + BankBits'(close);
    // Nothing to scan in this one
    if (enter && !open_d) begin
      bank_d = bank_d + 1'b1;
      left = left - 1'b1;
    end
  end

  assign rd_valid_o = open_q && reads;
  assign unused_batch = ^{batch, candidate};
  assign rd_addr_o = x_addr_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      open_q <= 1'b0;
      count_q <= '0;
      bank_q <= '0;
    end else begin
      open_q <= open_d;
      count_q <= left + CountBits'(filled_i);
      bank_q <= bank_d;
    end
    if (enter) begin
      row_q <= '0;
      group_q <= '0;
      x_row_q <= candidate.x_base;
      x_addr_q <= candidate.x_base;
    end else if (advance && row_end) begin
      row_q <= row_q + 1'b1;
      group_q <= '0;
      x_row_q <= next_row;
      x_addr_q <= next_row;
    end else if (advance) begin
      group_q <= group_q + 1'b1;
      if (reads) x_addr_q <= x_addr_q + AddrBits'(2);
    end
  end

  slot_t slot;

  always_comb begin
    slot = '0;
    slot.tag.group.ctx = {bank_q, row_q};
    slot.tag.group.index = group_q;
    slot.tag.group.lanes = row_end ? batch.last_lanes : 4'(Lanes);
    slot.tag.group.row_last = row_end;
    slot.tag.pass = (batch.op == SfuSoftmax) ? PassMax : PassSum;
    slot.fp32 = batch.fp32;
    slot.held = !reads;
  end

  // Load and convert
  logic load_valid, load_fp32, valid_q;
  tag_t load_tag, tag_q;
  logic [2*UnitBits-1:0] load_data;
  logic [UnitBits-1:0] unused_x;
  logic [Lanes-1:0][31:0] x;
  logic unused_tag;

  fvgm_sfu_load u_load (
      .clk_i,
      .rst_ni,
      .valid_i(advance),
      .slot_i(slot),
      .rd_data_i,
      .valid_o(load_valid),
      .tag_o(load_tag),
      .fp32_o(load_fp32),
      .data_o(load_data),
      .x_o(unused_x)
  );

  fvgm_sfu_widen u_widen (
      .clk_i,
      .valid_i(load_valid),
      .fp32_i(load_fp32),
      .data_i(load_data),
      .x_o(x)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= load_valid;
    if (load_valid) tag_q <= load_tag;
  end

  assign unused_tag = ^{tag_q.mode, tag_q.cmd_first};

  fvgm_sfu_max u_max (
      .clk_i,
      .rst_ni,
      .valid_i(valid_q && tag_q.pass == PassMax),
      .group_i(tag_q.group),
      .magnitude_i(1'b0),
      .x_i(x),
      .valid_o(max_valid_o),
      .ctx_o(max_ctx_o),
      .max_o
  );

  // Mean
  logic sum_valid;
  ctx_t sum_ctx, ctx_q[FpMulLatency];
  pass_e unused_pass;
  logic [31:0] sum, mean;

  fvgm_sfu_sum u_sum (
      .clk_i,
      .rst_ni,
      .valid_i(valid_q && tag_q.pass == PassSum),
      .group_i(tag_q.group),
      .pass_i(PassSum),
      .x_i(x),
      .valid_o(sum_valid),
      .ctx_o(sum_ctx),
      .pass_o(unused_pass),
      .sum_o(sum)
  );

  fvgm_fp32_mul u_mean (
      .clk_i,
      .rst_ni,
      .valid_i(sum_valid),
      .a_i(sum),
      .b_i(batch_i[sum_ctx.bank].imm0),
      .valid_o(mean_valid_o),
      .y_o(mean)
  );

  always_ff @(posedge clk_i) begin
    ctx_q[0] <= sum_ctx;
    for (int unsigned i = 1; i < FpMulLatency; i++) ctx_q[i] <= ctx_q[i-1];
  end

  assign mean_ctx_o = ctx_q[FpMulLatency-1];
  assign neg_mean_o = {!mean[31], mean[30:0]};

  `FVGM_ASSERT(ReadHeld, rd_valid_o && !rd_ready_i |=> rd_valid_o && $stable(rd_addr_o))

endmodule
