// Alignment of the cascade's sums, on the double clock: both sums of a chain share it.
//
//   aligned_o = sum_i * 2^(shift_i - 27), 96 bits; the 27 bits below are 0 in FP16, because operands
//   are integers of unit 2^-24. INT8 passes with shift_i = 27.
//
// Three stages: by 0..3, by 4s, by 16s: one 4:1 multiplexer between registers. shift_i comes with
// sum_i, at most 63. Latency: 3 cycles of clk2x_i. Throughput: one sum per cycle. Errors: none.
module fvgm_dspe_shift
  import fvgm_dspe_pkg::*;
(
  input  logic clk2x_i,
  input  logic [5:0] shift_i,
  input  logic signed [DspeSumBits-1:0] sum_i,
  output logic [DspeAccBits-1:0] aligned_o
);

  localparam int unsigned Bits1 = DspeSumBits + 3;
  localparam int unsigned Bits2 = Bits1 + 12;

  logic signed [Bits1-1:0] by1_q;
  logic signed [Bits2-1:0] by4_q;
  logic signed [DspeAccBits-1:0] by16_q;
  logic [3:0] shift1_q;
  logic [1:0] shift2_q;

  always_ff @(posedge clk2x_i) begin
    shift1_q <= shift_i[5:2];
    unique case (shift_i[1:0])
      2'd0: by1_q <= Bits1'(sum_i);
      2'd1: by1_q <= Bits1'(sum_i) << 1;
      2'd2: by1_q <= Bits1'(sum_i) << 2;
      default: by1_q <= Bits1'(sum_i) << 3;
    endcase
    shift2_q <= shift1_q[3:2];
    unique case (shift1_q[1:0])
      2'd0: by4_q <= Bits2'(by1_q);
      2'd1: by4_q <= Bits2'(by1_q) << 4;
      2'd2: by4_q <= Bits2'(by1_q) << 8;
      default: by4_q <= Bits2'(by1_q) << 12;
    endcase
    unique case (shift2_q)
      2'd0: by16_q <= DspeAccBits'(by4_q >>> DspeSumShift);
      2'd1: by16_q <= DspeAccBits'(by4_q >>> (DspeSumShift - 16));
      2'd2: by16_q <= DspeAccBits'(by4_q) << (32 - DspeSumShift);
      default: by16_q <= DspeAccBits'(by4_q) << (48 - DspeSumShift);
    endcase
  end

  assign aligned_o = by16_q;

endmodule
