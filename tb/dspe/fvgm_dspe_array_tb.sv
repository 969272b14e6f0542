// Test top of the array of chains: both clocks, and its ports flat.
module fvgm_dspe_array_tb
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
#(
  parameter int unsigned Rows = 2,
  parameter int unsigned Cols = 3
);

  logic clk_i, clk2x_i, rst_ni;
  logic step_valid_i, step_ready_o, last_i, precision_i, drain_valid_o;
  logic [2*Rows*DspeDepth*16-1:0] a_i;
  logic [Cols*DspeDepth*16-1:0] b_i;
  logic [2*Rows*Cols*$bits(lane_t)-1:0] drain_o;

  initial begin
    clk_i = 1'b0;
    clk2x_i = 1'b0;
    rst_ni = 1'b0;
    step_valid_i = 1'b0;
    last_i = 1'b0;
    precision_i = 1'b0;
    a_i = '0;
    b_i = '0;
    forever begin
      #1 clk2x_i = 1'b1;
      clk_i = 1'b1;
      #1 clk2x_i = 1'b0;
      #1 clk2x_i = 1'b1;
      clk_i = 1'b0;
      #1 clk2x_i = 1'b0;
    end
  end

  fvgm_dspe_array #(
    .Rows(Rows),
    .Cols(Cols)
  ) u_array (
    .clk_i,
    .clk2x_i,
    .rst_ni,
    .step_valid_i,
    .step_ready_o,
    .last_i,
    .precision_i(precision_e'(precision_i)),
    .a_i,
    .b_i,
    .drain_valid_o,
    .drain_o
  );

endmodule
