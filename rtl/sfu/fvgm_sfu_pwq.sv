// Piecewise quadratic polynomial in fixed point (evaluate() in models/sfu_tables.py):
//   y = c0 + (((c1 + ((c2 * d) >>> 18)) * d) >>> 18), coefficients of segment index_i from a ROM.
//
// Scalar: 0: exp2, gelu; 1: recip, rsqrt (index_i[7] selects). d_i: 18-bit fraction of the
// segment. y_o in units of 2^-27; coefficients and y are never negative.
// Latency fvgm_sfu_pkg::PwqLatency = 4, one evaluation per cycle. No error outputs.
`include "fvgm_assert.svh"

module fvgm_sfu_pwq
  import fvgm_sfu_pkg::*;
  import fvgm_sfu_rom_pkg::*;
#(
    parameter bit Scalar = 1'b0
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   valid_i,
    input  logic [            7:0] index_i,
    input  logic [PwqStepBits-1:0] d_i,
    output logic                   valid_o,
    output logic [  PwqC0Bits-1:0] y_o
);

  typedef struct packed {
    logic [PwqC0Bits-1:0] c0;
    logic signed [PwqC1Bits-1:0] c1;
    logic signed [PwqC2Bits-1:0] c2;
  } entry_t;

  localparam int unsigned CurveBits = PwqC2Bits + PwqStepBits + 1;
  localparam int unsigned SlopeBits = PwqC1Bits + 1;
  localparam int unsigned RiseBits = SlopeBits + PwqStepBits + 1;

  logic [PwqLatency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[PwqLatency-2:0], valid_i};
  end

  // Stage 1: coefficients
  entry_t s1_q;
  logic [PwqStepBits-1:0] d1_q;
  logic [PwqEntryBits-1:0] word;

  if (Scalar) begin : gen_scalar_rom
    assign word = fvgm_sfu_rom_pkg::ScalarRom[index_i];
  end else begin : gen_lane_rom
    assign word = fvgm_sfu_rom_pkg::LaneRom[index_i];
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      s1_q <= word;
      d1_q <= d_i;
    end
  end

  // Stage 2: c2 * d
  logic [PwqC0Bits-1:0] c0_2_q, c0_3_q;
  logic signed [PwqC1Bits-1:0] c1_q;
  logic [PwqStepBits-1:0] d2_q;
  logic signed [PwqC2Bits:0] curve_q;

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) begin
      c0_2_q <= s1_q.c0;
      c1_q <= s1_q.c1;
      d2_q <= d1_q;
      curve_q <= (PwqC2Bits + 1)'((CurveBits'(s1_q.c2) * CurveBits'($signed({1'b0, d1_q}))) >>>
                                  PwqStepBits);
    end
  end

  // Stage 3: (c1 + ...) * d
  logic signed [SlopeBits-1:0] slope;
  logic signed [SlopeBits:0] rise_q;

  assign slope = SlopeBits'(c1_q) + SlopeBits'(curve_q);

  always_ff @(posedge clk_i) begin
    if (valid_q[1]) begin
      c0_3_q <= c0_2_q;
      rise_q <= (SlopeBits + 1)'((RiseBits'(slope) * RiseBits'($signed({1'b0, d2_q}))) >>>
                                 PwqStepBits);
    end
  end

  // Stage 4: c0 + ...
  logic signed [PwqC0Bits:0] y_d;
  logic [PwqC0Bits-1:0] y_q;

  assign y_d = $signed({1'b0, c0_3_q}) + (PwqC0Bits + 1)'(rise_q);

  always_ff @(posedge clk_i) begin
    if (valid_q[2]) y_q <= y_d[PwqC0Bits-1:0];
  end

  assign valid_o = valid_q[PwqLatency-1];
  assign y_o = y_q;

  `FVGM_ASSERT(NotNegative, valid_q[2] |-> !y_d[PwqC0Bits])

endmodule
