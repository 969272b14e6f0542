// Special-function unit: LayerNorm, dynamic INT8 quantisation, GELU, softmax and gated residual over
// rows of vbuf (docs/sfu.md; models/sfu.py is the same in numpy).
//
// Three engines follow each other through batches of up to 16 rows: the scan (means, greatest x), eight
// lanes (one or two passes), and the store (scaling to INT8); each takes a group of 8 elements per cycle.
// Commands: sfu_t, valid/ready; done_o pulses once per command in order. vbuf read ports: 0 lanes, 1 scan;
// two consecutive units, 2 cycles after the accepted request; pbuf read: one entry, always accepted,
// 2 cycles; abuf and vbuf write: one unit; rbuf write: one word, always accepted.
// StoreGroups: longest INT8 row, less StoreSlack, that needs no pass of its own for its maximum.
// busy_o: a command is present. stall_*_o: the lanes took no group this cycle because a row scalar was
// not ready (wait), vbuf denied the read (read), or the store was full (write).
// Errors: none; the scheduler has checked the fields. Units beyond a buffer wrap as the buffer does.
module fvgm_sfu
  import fvgm_fp_pkg::*;
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
#(
    parameter int unsigned StoreGroups = 1024
) (
    input logic clk_i,
    input logic rst_ni,

    input  logic cmd_valid_i,
    output logic cmd_ready_o,
    input  sfu_t cmd_i,
    output logic done_o,

    output logic [1:0]                 vbuf_rd_valid_o,
    input  logic [1:0]                 vbuf_rd_ready_i,
    output logic [1:0][AddrBits-1:0]   vbuf_rd_addr_o,
    input  logic [1:0][2*UnitBits-1:0] vbuf_rd_data_i,

    output logic                 pbuf_rd_valid_o,
    output logic [EntryBits-1:0] pbuf_rd_addr_o,
    input  logic [        511:0] pbuf_rd_data_i,

    output logic                abuf_wr_valid_o,
    input  logic                abuf_wr_ready_i,
    output logic [AddrBits-1:0] abuf_wr_addr_o,
    output logic [UnitBits-1:0] abuf_wr_data_o,

    output logic                vbuf_wr_valid_o,
    input  logic                vbuf_wr_ready_i,
    output logic [AddrBits-1:0] vbuf_wr_addr_o,
    output logic [UnitBits-1:0] vbuf_wr_data_o,

    output logic                 rbuf_wr_valid_o,
    output logic [EntryBits-1:0] rbuf_wr_addr_o,
    output logic [         31:0] rbuf_wr_data_o,

    output logic busy_o,
    output logic stall_wait_o,
    output logic stall_read_o,
    output logic stall_write_o
);

  // Commands to batches
  batch_t batch[Banks];
  logic filled, pending, started, started_exp, start_ok;
  logic [Banks-1:0] bank_free;

  fvgm_sfu_batch #(
      .StoreGroups(StoreGroups)
  ) u_batch (
      .clk_i,
      .rst_ni,
      .cmd_valid_i,
      .cmd_ready_o,
      .cmd_i,
      .start_ok_i(start_ok),
      .started_o(started),
      .started_exp_o(started_exp),
      .filled_o(filled),
      .batch_o(batch),
      .bank_free_i(bank_free),
      .pending_o(pending)
  );

  // Scan
  logic max_valid, mean_valid;
  ctx_t max_ctx, mean_ctx;
  logic [31:0] max, neg_mean;

  fvgm_sfu_scan u_scan (
      .clk_i,
      .rst_ni,
      .filled_i(filled),
      .batch_i(batch),
      .rd_valid_o(vbuf_rd_valid_o[1]),
      .rd_ready_i(vbuf_rd_ready_i[1]),
      .rd_addr_o(vbuf_rd_addr_o[1]),
      .rd_data_i(vbuf_rd_data_i[1]),
      .max_valid_o(max_valid),
      .max_ctx_o(max_ctx),
      .max_o(max),
      .mean_valid_o(mean_valid),
      .mean_ctx_o(mean_ctx),
      .neg_mean_o(neg_mean)
  );

  // Issue and load
  slot_t slot;
  logic slot_valid, load_valid, load_fp32, store_pop, rstd_valid;
  logic [Contexts-1:0] scan_set, rstd_set;
  ctx_t rstd_ctx;
  tag_t load_tag;
  logic [2*UnitBits-1:0] load_data;
  logic [UnitBits-1:0] load_x;
  logic [Lanes-1:0][31:0] x;

  always_comb begin
    scan_set = '0;
    rstd_set = '0;
    if (mean_valid) scan_set[mean_ctx] = 1'b1;
    if (max_valid) scan_set[max_ctx] = 1'b1;
    if (rstd_valid) rstd_set[rstd_ctx] = 1'b1;
  end

  fvgm_sfu_issue #(
      .StoreGroups(StoreGroups)
  ) u_issue (
      .clk_i,
      .rst_ni,
      .filled_i(filled),
      .batch_i(batch),
      .rd_valid_o(vbuf_rd_valid_o[0]),
      .rd_ready_i(vbuf_rd_ready_i[0]),
      .rd_addr_o(vbuf_rd_addr_o[0]),
      .slot_valid_o(slot_valid),
      .slot_o(slot),
      .scan_set_i(scan_set),
      .rstd_set_i(rstd_set),
      .store_pop_i(store_pop),
      .stall_wait_o,
      .stall_read_o,
      .stall_write_o
  );

  fvgm_sfu_load u_load (
      .clk_i,
      .rst_ni,
      .valid_i(slot_valid),
      .slot_i(slot),
      .rd_data_i(vbuf_rd_data_i[0]),
      .valid_o(load_valid),
      .tag_o(load_tag),
      .fp32_o(load_fp32),
      .data_o(load_data),
      .x_o(load_x)
  );

  fvgm_sfu_widen u_widen (
      .clk_i,
      .valid_i(load_valid),
      .fp32_i(load_fp32),
      .data_i(load_data),
      .x_o(x)
  );

  // Operands and lanes
  logic [31:0] rstd;
  lane_ctrl_t ctrl;
  logic [Lanes-1:0][31:0] a, b, y;
  logic [Lanes-1:0][15:0] f16;
  logic in_valid, sum_valid, out_valid, out_cmd_first;
  group_t sum_group, out_group;
  pass_e sum_pass, out_pass;

  fvgm_sfu_operands u_operands (
      .clk_i,
      .rst_ni,
      .batch_i(batch),
      .valid_i(load_valid),
      .tag_i(load_tag),
      .x_i(load_x),
      .mean_valid_i(mean_valid),
      .mean_ctx_i(mean_ctx),
      .neg_mean_i(neg_mean),
      .max_valid_i(max_valid),
      .max_ctx_i(max_ctx),
      .max_i(max),
      .rstd_valid_i(rstd_valid),
      .rstd_ctx_i(rstd_ctx),
      .rstd_i(rstd),
      .pbuf_rd_valid_o,
      .pbuf_rd_addr_o,
      .pbuf_rd_data_i,
      .ctrl_o(ctrl),
      .a_o(a),
      .b_o(b),
      .in_valid_o(in_valid),
      .sum_valid_o(sum_valid),
      .sum_group_o(sum_group),
      .sum_pass_o(sum_pass),
      .out_valid_o(out_valid),
      .out_group_o(out_group),
      .out_pass_o(out_pass),
      .out_cmd_first_o(out_cmd_first)
  );

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_lane
    fvgm_sfu_lane u_lane (
        .clk_i,
        .rst_ni,
        .valid_i(in_valid),
        .x_i(x[i]),
        .ctrl_i(ctrl),
        .a_i(a[i]),
        .b_i(b[i]),
        .y_o(y[i]),
        .f16_o(f16[i])
    );
  end

  // max |y|
  logic absmax_valid;
  ctx_t absmax_ctx;
  logic [31:0] absmax;

  fvgm_sfu_max u_absmax (
      .clk_i,
      .rst_ni,
      .valid_i(sum_valid && (sum_pass == PassQuant || sum_pass == PassAbsmax)),
      .group_i(sum_group),
      .magnitude_i(1'b1),
      .x_i(y),
      .valid_o(absmax_valid),
      .ctx_o(absmax_ctx),
      .max_o(absmax)
  );

  // Sum of squares, or of probabilities as rounded
  logic [Lanes-1:0][31:0] y_q[FpToF16Latency];
  logic [Lanes-1:0][31:0] rounded;
  logic row_sum_valid;
  logic [31:0] row_sum;
  ctx_t row_sum_ctx;
  pass_e row_sum_pass;

  always_ff @(posedge clk_i) begin
    y_q[0] <= y;
    for (int unsigned i = 1; i < FpToF16Latency; i++) y_q[i] <= y_q[i-1];
  end

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_rounded
    fvgm_fp16_to_fp32 u_wide (
        .a_i(f16[i]),
        .y_o(rounded[i])
    );
  end

  fvgm_sfu_sum u_sum (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid && (out_pass == PassSquare || out_pass == PassExp)),
      .group_i(out_group),
      .pass_i(out_pass),
      .x_i(out_pass == PassExp ? rounded : y_q[FpToF16Latency-1]),
      .valid_o(row_sum_valid),
      .ctx_o(row_sum_ctx),
      .pass_o(row_sum_pass),
      .sum_o(row_sum)
  );

  // Row scalars
  logic rbuf_exp, inv_valid;
  ctx_t rbuf_ctx, inv_ctx;
  logic [31:0] inv;

  fvgm_sfu_scalar u_scalar (
      .clk_i,
      .rst_ni,
      .batch_i(batch),
      .sum_valid_i(row_sum_valid),
      .sum_ctx_i(row_sum_ctx),
      .sum_pass_i(row_sum_pass),
      .sum_i(row_sum),
      .max_valid_i(absmax_valid),
      .max_ctx_i(absmax_ctx),
      .max_i(absmax),
      .rstd_valid_o(rstd_valid),
      .rstd_ctx_o(rstd_ctx),
      .rstd_o(rstd),
      .inv_valid_o(inv_valid),
      .inv_ctx_o(inv_ctx),
      .inv_o(inv),
      .rbuf_valid_o(rbuf_wr_valid_o),
      .rbuf_ctx_o(rbuf_ctx),
      .rbuf_exp_o(rbuf_exp),
      .rbuf_data_o(rbuf_wr_data_o)
  );

  assign rbuf_wr_addr_o = batch[rbuf_ctx.bank].rbuf_addr + EntryBits'(rbuf_ctx.row);

  // Store and write
  logic res_valid, res_first, res_odd, res_row_last, res_cmd_first, res_int8, unit_pop, units_done;
  logic batch_end;  // the last row of the batch
  ctx_t res_ctx;
  logic [3:0] res_lanes;
  logic [Lanes-1:0][15:0] res_f16;
  logic [Lanes-1:0][7:0] res_i8;
  logic [AddrBits-1:0] wr_addr;
  logic [UnitBits-1:0] wr_data;

  fvgm_sfu_store #(
      .StoreGroups(StoreGroups)
  ) u_store (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid && pass_writes(out_pass)),
      .group_i(out_group),
      .cmd_first_i(out_cmd_first),
      .int8_i(batch[out_group.ctx.bank].int8),
      .y_i(y_q[FpToF16Latency-1]),
      .f16_i(f16),
      .inv_valid_i(inv_valid),
      .inv_ctx_i(inv_ctx),
      .inv_i(inv),
      .pop_o(store_pop),
      .unit_pop_i(unit_pop),
      .valid_o(res_valid),
      .ctx_o(res_ctx),
      .first_o(res_first),
      .odd_o(res_odd),
      .row_last_o(res_row_last),
      .cmd_first_o(res_cmd_first),
      .int8_o(res_int8),
      .lanes_o(res_lanes),
      .f16_o(res_f16),
      .i8_o(res_i8)
  );

  assign batch_end = res_ctx.row == batch[res_ctx.bank].last_row;

  fvgm_sfu_write u_write (
      .clk_i,
      .rst_ni,
      .valid_i(res_valid),
      .first_i(res_first),
      .odd_i(res_odd),
      .lanes_i(res_lanes),
      .row_last_i(res_row_last),
      .first_row_i(res_cmd_first),
      .last_row_i(batch_end && batch[res_ctx.bank].cmd_last),
      .dst_i(batch[res_ctx.bank].dst),
      .int8_i(res_int8),
      .f16_i(res_f16),
      .i8_i(res_i8),
      .pop_o(unit_pop),
      .done_o(units_done),
      .abuf_wr_valid_o,
      .abuf_wr_ready_i,
      .vbuf_wr_valid_o,
      .vbuf_wr_ready_i,
      .wr_addr_o(wr_addr),
      .wr_data_o(wr_data)
  );

  assign abuf_wr_addr_o = wr_addr;
  assign abuf_wr_data_o = wr_data;
  assign vbuf_wr_addr_o = wr_addr;
  assign vbuf_wr_data_o = wr_data;

  fvgm_sfu_done u_done (
      .clk_i,
      .rst_ni,
      .batch_i(batch),
      .start_ok_o(start_ok),
      .started_i(started),
      .started_exp_i(started_exp),
      .left_i(res_valid && res_row_last && batch_end),
      .left_bank_i(res_ctx.bank),
      .scaled_i(rbuf_wr_valid_o && rbuf_exp && rbuf_ctx.row == batch[rbuf_ctx.bank].last_row),
      .scaled_bank_i(rbuf_ctx.bank),
      .units_done_i(units_done),
      .bank_free_o(bank_free),
      .pending_i(pending),
      .done_o,
      .busy_o
  );

endmodule
