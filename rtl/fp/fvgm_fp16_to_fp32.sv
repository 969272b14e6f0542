// FP16 to FP32, exact (f16_to_f32 in models/numerics.py): FP16 subnormals are honoured, NaN
// becomes 0x7FC00000. Combinational.
module fvgm_fp16_to_fp32
  import fvgm_fp_pkg::*;
(
    input  logic [15:0] a_i,
    output logic [31:0] y_o
);

  fp16_t a;
  logic [3:0] zeros;
  logic [9:0] man;
  logic [7:0] exp;

  assign a = a_i;

  always_comb begin
    zeros = '0;
    for (int unsigned i = 0; i < 10; i++) begin
      if (a.man[i]) zeros = 4'(9 - i);
    end
    if (a.exp != '0) begin
      exp = {3'b0, a.exp} + 8'd112;
      man = a.man;
    end else begin
      // The leading one of a subnormal becomes the hidden bit; man[9] stands for 2^-15.
      exp = 8'd112 - {4'b0, zeros};
      man = (a.man << zeros) << 1;
    end

    y_o = {a.sign, exp, man, 13'b0};
    if (a.exp == '1) y_o = (a.man != '0) ? Fp32Nan : {a.sign, Fp32PosInf[30:0]};
    else if (a_i[14:0] == '0) y_o = {a.sign, 31'b0};
  end

endmodule
