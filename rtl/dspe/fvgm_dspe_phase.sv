// Which half of a clk_i cycle it is, for registers on the double clock of the DSP58 columns.
//
// clk2x_i has twice the frequency of clk_i; every rising edge of clk_i is one of clk2x_i too.
// first_half_o is 1 from such an edge to the next of clk2x_i, 0 in the second half. Latency: valid
// two clk_i cycles after reset. Errors: none.
module fvgm_dspe_phase (
  input  logic clk_i,
  input  logic clk2x_i,
  input  logic rst_ni,
  output logic first_half_o
);

  logic toggle_q, toggle_half_q, first_half_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) toggle_q <= 1'b0;
    else toggle_q <= !toggle_q;
  end

  // toggle_q has changed at the last edge only in the first half.
  always_ff @(posedge clk2x_i) begin
    toggle_half_q <= toggle_q;
    first_half_q <= toggle_q == toggle_half_q;
  end

  assign first_half_o = first_half_q;

endmodule
