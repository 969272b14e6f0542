// The array of DSP-E chains and the way out of its drain registers, one tile row per cycle.
//
// ChainRows x 8 chains: a tile of 4*ChainRows (INT8) or 2*ChainRows (FP16) rows and 8 columns.
// drain_valid_o: the results of a tile stand in the chains' drain registers, until the next tile's
// arrive. row_valid_i with the row of the tile gives row_int_o (INT8) or row_fp_o (FP16) one cycle
// later. Steps, latency and passes: fvgm_dspe_array. Errors: none.
module fvgm_mpu_array
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned ChainRows = 1
) (
  input  logic clk_i,
  input  logic clk2x_i,
  input  logic rst_ni,
  input  logic step_valid_i,
  output logic step_ready_o,
  input  logic step_last_i,
  input  precision_e step_precision_i,
  input  logic [2*ChainRows-1:0][DspeDepth-1:0][15:0] a_i,
  input  logic [TileCols-1:0][DspeDepth-1:0][15:0] b_i,
  output logic drain_valid_o,
  input  logic row_valid_i,
  input  precision_e row_precision_i,
  input  logic [7:0] row_i,
  output logic [TileCols-1:0][31:0] row_int_o,
  output lane_t [TileCols-1:0] row_fp_o
);

  localparam int unsigned Lines = 2 * ChainRows;
  localparam int unsigned LineBits = $clog2(Lines);

  lane_t [ChainRows-1:0][TileCols-1:0][1:0] drain;
  lane_t [Lines-1:0][TileCols-1:0] line;
  logic [LineBits-1:0] int_line, fp_line;
  logic unused_row;

  fvgm_dspe_array #(
    .Rows(ChainRows),
    .Cols(TileCols)
  ) u_dspe_array (
    .clk_i,
    .clk2x_i,
    .rst_ni,
    .step_valid_i,
    .step_ready_o,
    .last_i(step_last_i),
    .precision_i(step_precision_i),
    .a_i,
    .b_i,
    .drain_valid_o,
    .drain_o(drain)
  );

  for (genvar l = 0; l < Lines; l++) begin : g_line
    for (genvar c = 0; c < TileCols; c++) begin : g_col
      assign line[l][c] = drain[l/2][c][l%2];
    end
  end

  assign fp_line = LineBits'(row_i);
  assign int_line = LineBits'(row_i[7:1]);
  assign unused_row = ^row_i;

  always_ff @(posedge clk_i) begin
    if (row_valid_i) begin
      if (row_precision_i == PrecFp16) begin
        row_fp_o <= line[fp_line];
      end else begin
        for (int unsigned c = 0; c < TileCols; c++) begin
          row_int_o[c] <= row_i[0] ? line[int_line][c].acc[63:32] : line[int_line][c].acc[31:0];
        end
      end
    end
  end

endmodule
