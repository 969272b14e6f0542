// Signed 32-bit integer to FP32, round to nearest even (i32_to_f32 in models/numerics.py).
// Latency fvgm_fp_pkg::IntToFpLatency = 2, one conversion per cycle. No error outputs.
//
// Stages: 1 magnitude, shifted by whole bytes until the top byte is not zero; 2 shift within a
// byte, round, pack.
`include "fvgm_assert.svh"

module fvgm_i32_to_fp32
  import fvgm_fp_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        valid_i,
    input  logic [31:0] a_i,
    output logic        valid_o,
    output logic [31:0] y_o
);

  localparam logic [7:0] TopExp = 8'd158;  // biased exponent of 2^31

  logic [IntToFpLatency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[IntToFpLatency-2:0], valid_i};
  end

  // Stage 1
  logic sign_q;
  logic [1:0] bytes_d, bytes_q;
  logic [31:0] magnitude, coarse_d, coarse_q;

  always_comb begin
    magnitude = (a_i ^ {32{a_i[31]}}) + {31'b0, a_i[31]};
    bytes_d = 2'd3;
    for (int unsigned i = 0; i < 4; i++) begin
      if (magnitude[8*i+:8] != '0) bytes_d = 2'(3 - i);
    end
    coarse_d = magnitude << {bytes_d, 3'b0};
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      sign_q <= a_i[31];
      bytes_q <= bytes_d;
      coarse_q <= coarse_d;
    end
  end

  // Stage 2
  logic zero, guard, sticky;
  logic [2:0] zeros;
  logic [7:0] exp;
  logic [30:0] rounded;
  logic [30:0] fine;  // without the leading one
  logic [31:0] y_d, y_q;

  always_comb begin
    zero = coarse_q[31:24] == '0;
    zeros = '0;
    for (int unsigned i = 0; i < 8; i++) begin
      if (coarse_q[24+i]) zeros = 3'(7 - i);
    end
    fine = 31'(coarse_q << zeros);
    exp = TopExp - {3'b0, bytes_q, zeros};
    guard = fine[7];
    sticky = |fine[6:0];
    rounded = {exp, fine[30:8]} + {30'b0, guard && (sticky || fine[8])};
    y_d = zero ? 32'd0 : {sign_q, rounded};
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) y_q <= y_d;
  end

  assign valid_o = valid_q[IntToFpLatency-1];
  assign y_o = y_q;

  `FVGM_ASSERT(InRange, valid_o |-> y_o[30:23] == '0 || y_o[30:23] inside {[8'd127 : TopExp]})

endmodule
