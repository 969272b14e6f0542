// Delay line without reset, so that it maps to shift-register LUTs.
//
// Parameters: Width in bits, Stages in cycles (at least 1). Latency Stages. Errors: none.
module fvgm_ru_delay #(
  parameter int unsigned Width  = 8,
  parameter int unsigned Stages = 2
) (
  input  logic             clk_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  logic [Width-1:0] pipe_q[Stages];

  always_ff @(posedge clk_i) begin
    pipe_q[0] <= data_i;
    for (int unsigned i = 1; i < Stages; i++) pipe_q[i] <= pipe_q[i-1];
  end

  assign data_o = pipe_q[Stages-1];

endmodule
