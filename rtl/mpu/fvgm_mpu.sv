// Matrix unit: executes GEMM commands (gemm_t, docs/isa.md) on an array of DspRows x DspCols DSP-E
// units.
//
//   cmd ─► queue ─► feed (walk, loader, block registers) ─► array ─► drain ─► vbuf
//                     │ reads abuf, bbuf                               │ reads pbuf, rbuf
//
// Commands overlap: while one drains, the next computes and the one after loads. done_o pulses once
// per command, in order, in the cycle after its last word was accepted by vbuf. All buffer reads
// answer in exactly two cycles and are always accepted. Peak: 4 * DspRows * DspCols MACs per cycle
// in INT8, half of it in FP16.
//
// stall_drain_o: the array waits because a finished tile has not left yet. stall_operand_o: it
// waits for operands (pipeline fill, blocks with fewer steps than reads). Errors: none; the
// scheduler has checked every field. Addresses wrap at the buffers' sizes if these are powers of
// two.
`include "fvgm_assert.svh"

module fvgm_mpu
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned DspRows = 8,
  parameter int unsigned DspCols = 4,
  parameter int unsigned ABufUnits = 2048,
  parameter int unsigned BBufUnits = 2048,
  parameter int unsigned VBufUnits = 2048,
  parameter int unsigned PBufEntries = 64,
  parameter int unsigned RBufWords = 256,
  localparam int unsigned PortA = (DspRows / 8 > 2) ? DspRows / 8 : 2,
  localparam int unsigned PortB = (DspCols / 4 > 2) ? DspCols / 4 : 2,
  localparam int unsigned PortV = DspCols / 2
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  gemm_t cmd_i,
  output logic done_o,
  output logic busy_o,
  output logic stall_drain_o,
  output logic stall_operand_o,
  output logic abuf_rd_valid_o,
  output logic [$clog2(ABufUnits)-1:0] abuf_rd_addr_o,
  input  logic [PortA-1:0][UnitBits-1:0] abuf_rd_data_i,
  output logic bbuf_rd_valid_o,
  output logic [$clog2(BBufUnits)-1:0] bbuf_rd_addr_o,
  input  logic [PortB-1:0][UnitBits-1:0] bbuf_rd_data_i,
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

  if (DspRows % 8 != 0 || DspRows < 8 || DspRows > 64) begin : g_rows
    $error("fvgm_mpu: DspRows must be a multiple of 8 from 8 to 64");
  end
  if (DspCols % 4 != 0 || DspCols < 4 || DspCols > 64) begin : g_cols
    $error("fvgm_mpu: DspCols must be a multiple of 4 from 4 to 64");
  end
  if (DspRows % PortA != 0 || (2 * DspCols) % PortB != 0) begin : g_ports
    $error("fvgm_mpu: a tile must be a whole number of buffer reads");
  end

  logic cmd_valid, cmd_ready, tile_valid, tile_ready, last, last_ok, step_valid, row_valid;
  logic feed_busy, drain_busy;
  gemm_t cmd;
  tile_t tile;
  step_t step;
  precision_e row_precision;
  logic [$clog2(2*DspRows)-1:0] row;
  logic [DspRows-1:0][15:0] a;
  logic [DspCols-1:0][1:0][15:0] b;
  logic [2*DspCols-1:0][31:0] row_int;
  lane_t [2*DspCols-1:0] row_fp;

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
    .DspRows(DspRows),
    .DspCols(DspCols),
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
    .abuf_rd_addr_o,
    .abuf_rd_data_i,
    .bbuf_rd_valid_o,
    .bbuf_rd_addr_o,
    .bbuf_rd_data_i,
    .last_ok_i(last_ok),
    .last_o(last),
    .step_valid_o(step_valid),
    .step_o(step),
    .a_o(a),
    .b_o(b),
    .busy_o(feed_busy),
    .stall_drain_o,
    .stall_operand_o
  );

  fvgm_mpu_array #(
    .DspRows(DspRows),
    .DspCols(DspCols)
  ) u_array (
    .clk_i,
    .rst_ni,
    .step_valid_i(step_valid),
    .step_i(step),
    .a_i(a),
    .b_i(b),
    .row_valid_i(row_valid),
    .row_precision_i(row_precision),
    .row_i(row),
    .row_int_o(row_int),
    .row_fp_o(row_fp)
  );

  fvgm_mpu_drain #(
    .DspRows(DspRows),
    .DspCols(DspCols),
    .VBufUnits(VBufUnits),
    .PBufEntries(PBufEntries),
    .RBufWords(RBufWords)
  ) u_drain (
    .clk_i,
    .rst_ni,
    .tile_valid_i(tile_valid),
    .tile_ready_o(tile_ready),
    .tile_i(tile),
    .last_i(last),
    .last_ok_o(last_ok),
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
