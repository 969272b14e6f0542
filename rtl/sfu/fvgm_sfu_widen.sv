// Eight loaded elements as canonical FP32: no subnormals, NaN 0x7FC00000.
//
// data_i: eight FP16 in the lower half, or eight FP32 if fp32_i. x_o: one cycle later, held until the
// next valid_i. No error outputs.
module fvgm_sfu_widen
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic                   clk_i,
    input  logic                   valid_i,
    input  logic                   fp32_i,
    input  logic [2*UnitBits-1:0]  data_i,
    output logic [Lanes-1:0][31:0] x_o
);

  logic [Lanes-1:0][31:0] from_f16, from_f32;

  function automatic logic [31:0] canonical(fp32_t x);
    if (fp32_is_nan(x)) return Fp32Nan;
    return fp32_is_zero(x) ? {x.sign, 31'b0} : x;
  endfunction

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_lane
    fvgm_fp16_to_fp32 u_wide (
        .a_i(data_i[16*i+:16]),
        .y_o(from_f16[i])
    );
    assign from_f32[i] = canonical(data_i[32*i+:32]);
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) x_o <= fp32_i ? from_f32 : from_f16;
  end

endmodule
