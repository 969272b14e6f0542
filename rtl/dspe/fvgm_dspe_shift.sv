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
  localparam int unsigned Low = 64;                // by4 in two parts, so that no simulated
  localparam int unsigned High = Bits1 + 12 - Low;  // operation is wider than 64 bits
  localparam int unsigned Seg = 32;

  logic signed [Bits1-1:0] by1_q;
  logic [Low-1:0] by4_low_q;
  logic signed [High-1:0] by4_high_q;
  logic [Seg-1:0] by16_q [DspeAccBits/Seg];
  logic [3:0] shift1_q;
  logic [1:0] shift2_q;
  logic sign;

  assign sign = by4_high_q[High-1];

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
      2'd0: by4_low_q <= Low'(by1_q);
      2'd1: by4_low_q <= Low'(by1_q) << 4;
      2'd2: by4_low_q <= Low'(by1_q) << 8;
      default: by4_low_q <= Low'(by1_q) << 12;
    endcase
    by4_high_q <= (shift1_q[1:0] == 2'd3) ? by1_q[Bits1-1-:High] : {High{by1_q[Bits1-1]}};
    // 32-bit pieces of by4 >> 27, >> 11, << 5 and << 21.
    unique case (shift2_q)
      2'd0: begin
        by16_q[0] <= by4_low_q[DspeSumShift+:Seg];
        by16_q[1] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg]}));
        by16_q[2] <= {Seg{sign}};
      end
      2'd1: begin
        by16_q[0] <= by4_low_q[DspeSumShift-16+:Seg];
        by16_q[1] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg-16]}));
        by16_q[2] <= {Seg{sign}};
      end
      2'd2: begin
        by16_q[0] <= {by4_low_q[DspeSumShift-1:0], {Seg-DspeSumShift{1'b0}}};
        by16_q[1] <= by4_low_q[DspeSumShift+:Seg];
        by16_q[2] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg]}));
      end
      default: begin
        by16_q[0] <= {by4_low_q[DspeSumShift-17:0], {Seg-DspeSumShift+16{1'b0}}};
        by16_q[1] <= by4_low_q[DspeSumShift-16+:Seg];
        by16_q[2] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg-16]}));
      end
    endcase
  end

  assign aligned_o = {by16_q[2], by16_q[1], by16_q[0]};

endmodule
