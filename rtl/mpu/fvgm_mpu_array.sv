// DspRows x DspCols DSP-E units. A step's operands are registered once and go along rows and
// columns. INT8: a tile of 2*DspRows x 2*DspCols int32; FP16: DspRows x 2*DspCols exact sums.
//
// With a step's `last` all units copy their sums to their drain registers at the same time;
// StepLatency - 1 cycles after that step they can be read, one tile row per cycle: row_valid_i with
// the row of the tile gives row_int_o (INT8) or row_fp_o (FP16) one cycle later. The row read in
// the very cycle before the next tile arrives is still the old one. No handshake. Throughput: one
// step and one row per cycle. Errors: none.
module fvgm_mpu_array
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned DspRows = 8,
  parameter int unsigned DspCols = 4
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic step_valid_i,
  input  step_t step_i,
  input  logic [DspRows-1:0][15:0] a_i,
  input  logic [DspCols-1:0][1:0][15:0] b_i,
  input  logic row_valid_i,
  input  precision_e row_precision_i,
  input  logic [$clog2(2*DspRows)-1:0] row_i,
  output logic [2*DspCols-1:0][31:0] row_int_o,
  output lane_t [2*DspCols-1:0] row_fp_o
);

  logic valid_q;
  step_t step_q;
  logic [DspRows-1:0][15:0] a_q;
  logic [DspCols-1:0][1:0][15:0] b_q;
  lane_t [1:0] drain [DspRows][DspCols];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= step_valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (step_valid_i) begin
      step_q <= step_i;
      a_q <= a_i;
      b_q <= b_i;
    end
  end

  for (genvar r = 0; r < DspRows; r++) begin : g_row
    for (genvar c = 0; c < DspCols; c++) begin : g_col
      fvgm_dspe u_dspe (
        .clk_i,
        .rst_ni,
        .en_i(valid_q),
        .first_i(step_q.first),
        .last_i(step_q.last),
        .precision_i(step_q.precision),
        .a_i(a_q[r]),
        .b_i(b_q[c]),
        .drain_o(drain[r][c])
      );
    end
  end

  localparam int unsigned RowBits = $clog2(DspRows);

  always_ff @(posedge clk_i) begin
    if (row_valid_i) begin
      for (int unsigned c = 0; c < 2 * DspCols; c++) begin
        if (row_precision_i == PrecFp16) begin
          row_fp_o[c] <= drain[row_i[RowBits-1:0]][c/2][c%2];
        end else begin
          row_int_o[c] <= row_i[0] ? drain[row_i[RowBits:1]][c/2][c%2].acc[DspeHalfBits+:32]
                                   : drain[row_i[RowBits:1]][c/2][c%2].acc[31:0];
        end
      end
    end
  end

endmodule
