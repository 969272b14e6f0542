// Matrix unit: executes GEMM commands (gemm_t, docs/isa.md) on an array of ChainRows x 8 chains of
// eight DSP-E.
//
//   cmd ─► queue ─► feed (walk, reads, FIFO) ─► array ─► drain ─► vbuf
//                     │ abuf, bbuf                         │ pbuf, rbuf
//
// Commands overlap: while one drains, the next computes and the one after reads. done_o pulses once
// per command, in order, in the cycle after its last word was accepted by vbuf. All buffer reads
// answer in exactly two cycles and are always accepted; bbuf reads are eight units
// bbuf_rd_stride_o apart (1, or the b_step of a KN command). Peak: 256*ChainRows MACs per cycle in
// INT8, half of it in FP16.
//
// clk2x_i: the double clock of the DSP58 columns, see fvgm_dspe_phase.
// stall_drain_o: a tile's last step waits for the drain. stall_operand_o: the array waits for
// operands (pipeline fill), or takes a step in several passes. Errors: none; the scheduler has
// checked every field. Addresses wrap at the buffers' sizes if these are powers of two.
`include "fvgm_assert.svh"

module fvgm_mpu
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned ChainRows = 1,
  parameter int unsigned ABufUnits = 2048,
  parameter int unsigned BBufUnits = 2048,
  parameter int unsigned VBufUnits = 2048,
  parameter int unsigned PBufEntries = 64,
  parameter int unsigned RBufWords = 256,
  localparam int unsigned PortV = TileCols / 4
) (
  input  logic clk_i,
  input  logic clk2x_i,
  input  logic rst_ni,
  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  gemm_t cmd_i,
  output logic done_o,
  output logic busy_o,
  output logic stall_drain_o,
  output logic stall_operand_o,
  output logic abuf_rd_valid_o,
  output logic abuf_rd_int8_o,
  output logic abuf_rd_upper_o,
  output logic [$clog2(ABufUnits)-1:0] abuf_rd_addr_o,
  input  logic [2*ChainRows-1:0][UnitBits-1:0] abuf_rd_data_i,
  output logic bbuf_rd_valid_o,
  output logic [$clog2(BBufUnits)-1:0] bbuf_rd_addr_o,
  output logic [$clog2(BBufUnits)-1:0] bbuf_rd_stride_o,
  input  logic [TileCols-1:0][UnitBits-1:0] bbuf_rd_data_i,
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
  output logic [PortV-1:0][UnitBits-1:0] vbuf_wr_data_o
);

  if (ChainRows < 1 || ChainRows > 32) begin : gen_illegal_rows
    $error("fvgm_mpu: ChainRows must be 1 to 32");
  end

  logic cmd_valid, cmd_ready, tile_valid, tile_ready;
  logic step_valid, step_ready, step_last, last_ok, drain_valid, row_valid;
  logic feed_busy, drain_busy;
  logic [7:0] last_rows, row;
  gemm_t cmd;
  tile_t tile;
  precision_e step_precision, row_precision;
  logic [2*ChainRows-1:0][DspeDepth-1:0][15:0] a;
  logic [TileCols-1:0][DspeDepth-1:0][15:0] b;
  logic [TileCols-1:0][31:0] row_int;
  lane_t [TileCols-1:0] row_fp;

  assign busy_o = cmd_valid || feed_busy || drain_busy || done_o;

  fvgm_mpu_queue #(
    .Width($bits(gemm_t)),
    .Depth(2)
  ) u_queue (
    .clk_i,
    .rst_ni,
    .valid_i(cmd_valid_i),
    .ready_o(cmd_ready_o),
    .data_i(cmd_i),
    .valid_o(cmd_valid),
    .ready_i(cmd_ready),
    .data_o(cmd)
  );

  fvgm_mpu_feed #(
    .ChainRows(ChainRows),
    .ABufUnits(ABufUnits),
    .BBufUnits(BBufUnits)
  ) u_feed (
    .clk_i,
    .rst_ni,
    .cmd_valid_i(cmd_valid),
    .cmd_ready_o(cmd_ready),
    .cmd_i(cmd),
    .tile_valid_o(tile_valid),
    .tile_ready_i(tile_ready),
    .tile_o(tile),
    .abuf_rd_valid_o,
    .abuf_rd_int8_o,
    .abuf_rd_upper_o,
    .abuf_rd_addr_o,
    .abuf_rd_data_i,
    .bbuf_rd_valid_o,
    .bbuf_rd_addr_o,
    .bbuf_rd_stride_o,
    .bbuf_rd_data_i,
    .last_rows_o(last_rows),
    .last_ok_i(last_ok),
    .step_valid_o(step_valid),
    .step_ready_i(step_ready),
    .step_last_o(step_last),
    .step_precision_o(step_precision),
    .a_o(a),
    .b_o(b),
    .busy_o(feed_busy),
    .stall_drain_o,
    .stall_operand_o
  );

  fvgm_mpu_array #(
    .ChainRows(ChainRows)
  ) u_array (
    .clk_i,
    .clk2x_i,
    .rst_ni,
    .step_valid_i(step_valid),
    .step_ready_o(step_ready),
    .step_last_i(step_last),
    .step_precision_i(step_precision),
    .a_i(a),
    .b_i(b),
    .drain_valid_o(drain_valid),
    .row_valid_i(row_valid),
    .row_precision_i(row_precision),
    .row_i(row),
    .row_int_o(row_int),
    .row_fp_o(row_fp)
  );

  fvgm_mpu_drain #(
    .ChainRows(ChainRows),
    .VBufUnits(VBufUnits),
    .PBufEntries(PBufEntries),
    .RBufWords(RBufWords)
  ) u_drain (
    .clk_i,
    .rst_ni,
    .tile_valid_i(tile_valid),
    .tile_ready_o(tile_ready),
    .tile_i(tile),
    .advance_i(step_ready),
    .last_i(step_valid && step_ready && step_last),
    .last_rows_i(last_rows),
    .last_ok_o(last_ok),
    .drain_valid_i(drain_valid),
    .row_valid_o(row_valid),
    .row_precision_o(row_precision),
    .row_o(row),
    .row_int_i(row_int),
    .row_fp_i(row_fp),
    .pbuf_rd_valid_o,
    .pbuf_rd_addr_o,
    .pbuf_rd_data_i,
    .rbuf_rd_valid_o,
    .rbuf_rd_addr_o,
    .rbuf_rd_data_i,
    .vbuf_wr_valid_o,
    .vbuf_wr_ready_i,
    .vbuf_wr_mask_o,
    .vbuf_wr_addr_o,
    .vbuf_wr_data_o,
    .done_o,
    .busy_o(drain_busy)
  );

  `FVGM_ASSERT(WriteHeld, vbuf_wr_valid_o && !vbuf_wr_ready_i |=> vbuf_wr_valid_o
               && $stable(vbuf_wr_mask_o) && $stable(vbuf_wr_addr_o) && $stable(vbuf_wr_data_o))
  `FVGM_ASSERT(CommandNotZero, cmd_valid_i |-> cmd_i.m != '0 && cmd_i.n != '0 && cmd_i.k != '0
               && cmd_i.batch != '0)

endmodule
