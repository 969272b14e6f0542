// The array of DSP-E chains and the way out of its drain registers, one tile row per cycle.
//
// ChainRows x 8 chains: a tile of 4*ChainRows (INT8) or 2*ChainRows (FP16) rows and 8 columns.
// drain_valid_o: the results of a tile stand in the chains' drain registers, until the next tile's
// arrive. row_valid_i with the row of the tile gives row_int_o (INT8) or row_fp_o (FP16) RowLatency
// cycles later. Steps, latency and passes: fvgm_dspe_array. Errors: none.
//
// A line of drain registers holds one row in FP16 and two in INT8. Of each four lines one goes to a
// register, of these one to the output: one LUT6 a bit in front of the first, where the lines lie
// far apart.
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
  localparam int unsigned Levels = ($clog2(Lines) + 1) / 2;
  localparam int unsigned Places = 4 ** Levels;
  localparam int unsigned Groups = Places / 4;
  localparam int unsigned GroupBits = (Groups > 1) ? $clog2(Groups) : 1;

  lane_t [ChainRows-1:0][TileCols-1:0][1:0] drain;
  lane_t [Places-1:0][TileCols-1:0] line;
  lane_t [Groups-1:0][TileCols-1:0] group_q;
  logic [2*Levels-1:0] chosen;
  logic [GroupBits-1:0] group_chosen_q;
  logic valid_q, group_upper_q, upper_q;
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

  for (genvar l = 0; l < Places; l++) begin : g_line
    for (genvar c = 0; c < TileCols; c++) begin : g_col
      if (l < Lines) begin : g_used
        assign line[l][c] = drain[l/2][c][l%2];
      end else begin : g_unused
        assign line[l][c] = '0;
      end
    end
  end

  assign chosen = (2 * Levels)'((row_precision_i == PrecFp16) ? row_i : row_i >> 1);
  assign unused_row = ^row_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= row_valid_i;
    if (row_valid_i) begin
      for (int unsigned g = 0; g < Groups; g++) group_q[g] <= line[4*g+32'(chosen[1:0])];
      group_chosen_q <= GroupBits'(chosen >> 2);
      group_upper_q <= row_i[0];
    end
    if (valid_q) begin
      row_fp_o <= group_q[group_chosen_q];
      upper_q <= group_upper_q;
    end
  end

  for (genvar c = 0; c < TileCols; c++) begin : g_int
    assign row_int_o[c] = upper_q ? row_fp_o[c].acc[63:32] : row_fp_o[c].acc[31:0];
  end

endmodule
