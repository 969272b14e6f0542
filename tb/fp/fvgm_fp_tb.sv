// Test top of rtl/fp: Lanes copies of every operator behind one wide port, so that one wake-up of
// the test bench moves Lanes operations. valid_i[k] starts operator k (order of the Op* constants)
// in every lane; valid_o and y_o are those of the operator op_i.
//
// Operands of lane l are 128 bits at x_i[128*l]: a at [31:0], b at [63:32]; for the accumulator its
// 96 bits at [95:0], then ninf, pinf, nan at [98:96].
module fvgm_fp_tb
  import fvgm_fp_pkg::*;
#(
    parameter int unsigned Lanes = 16
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic [          2:0] op_i,
    input  logic [          6:0] valid_i,
    input  logic [128*Lanes-1:0] x_i,
    output logic                 valid_o,
    output logic [ 32*Lanes-1:0] y_o
);

  localparam int unsigned OpMul = 0;
  localparam int unsigned OpAdd = 1;
  localparam int unsigned OpToF16 = 2;
  localparam int unsigned OpToI8 = 3;
  localparam int unsigned OpFromI32 = 4;
  localparam int unsigned OpAcc = 5;
  localparam int unsigned OpFromF16 = 6;
  localparam int unsigned NumOps = 7;

  logic [NumOps-1:0][Lanes-1:0] valid;
  logic [NumOps-1:0][Lanes-1:0][31:0] y;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [31:0] a, b;
    logic [15:0] half;
    logic [7:0] byte_y;
    logic [31:0] from_f16;

    assign a = x_i[128*l+:32];
    assign b = x_i[128*l+32+:32];
    assign y[OpToF16][l] = {16'b0, half};
    assign y[OpToI8][l] = {24'b0, byte_y};

    fvgm_fp32_mul u_mul (
        .clk_i, .rst_ni, .valid_i(valid_i[OpMul]), .a_i(a), .b_i(b),
        .valid_o(valid[OpMul][l]), .y_o(y[OpMul][l])
    );
    fvgm_fp32_add u_add (
        .clk_i, .rst_ni, .valid_i(valid_i[OpAdd]), .a_i(a), .b_i(b),
        .valid_o(valid[OpAdd][l]), .y_o(y[OpAdd][l])
    );
    fvgm_fp32_to_fp16 u_to_f16 (
        .clk_i, .rst_ni, .valid_i(valid_i[OpToF16]), .a_i(a),
        .valid_o(valid[OpToF16][l]), .y_o(half)
    );
    fvgm_fp32_to_i8 u_to_i8 (
        .clk_i, .rst_ni, .valid_i(valid_i[OpToI8]), .a_i(a),
        .valid_o(valid[OpToI8][l]), .y_o(byte_y)
    );
    fvgm_i32_to_fp32 u_from_i32 (
        .clk_i, .rst_ni, .valid_i(valid_i[OpFromI32]), .a_i(a),
        .valid_o(valid[OpFromI32][l]), .y_o(y[OpFromI32][l])
    );
    fvgm_acc_to_fp32 u_acc (
        .clk_i, .rst_ni, .valid_i(valid_i[OpAcc]), .acc_i(x_i[128*l+:96]),
        .nan_i(x_i[128*l+98]), .pinf_i(x_i[128*l+97]), .ninf_i(x_i[128*l+96]),
        .valid_o(valid[OpAcc][l]), .y_o(y[OpAcc][l])
    );
    fvgm_fp16_to_fp32 u_from_f16 (
        .a_i(a[15:0]), .y_o(from_f16)
    );

    // The combinational operator gets one register, so that all operators look alike.
    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid[OpFromF16][l] <= 1'b0;
      else valid[OpFromF16][l] <= valid_i[OpFromF16];
      if (valid_i[OpFromF16]) y[OpFromF16][l] <= from_f16;
    end
  end

  // Lanes are in step; one that is not shows as a missing or an extra result.
  assign valid_o = (op_i < 3'(NumOps)) && (&valid[op_i]);
  assign y_o = y[op_i];

  lanes_in_step :
  assert property (@(posedge clk_i) disable iff (!rst_ni) (|valid[op_i]) == (&valid[op_i]))
  else $error("lanes out of step");

endmodule
