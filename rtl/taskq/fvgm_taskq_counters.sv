// Performance counters of the task queue: 32 bits each, wrapping; cycles has 64.
//
// clear_i zeroes all, enable_i lets them count the events of the present cycle. No errors.
module fvgm_taskq_counters #(
    parameter int unsigned NumCores = 2
) (
    input  logic                                         clk_i,
    input  logic                                         rst_ni,
    input  logic                                         clear_i,
    input  logic                                         enable_i,
    input  fvgm_taskq_pkg::core_events_t [NumCores-1:0]  events_i,
    output fvgm_taskq_pkg::counters_t                    counters_o
);

  import fvgm_taskq_pkg::*;

  logic [63:0] cycles_q;
  logic carry_q;  // its low half is all ones
  core_counters_t [NumCores-1:0] count_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      cycles_q <= '0;
      carry_q <= 1'b0;
      count_q <= '0;
    end else if (enable_i) begin
      cycles_q <= {cycles_q[63:32] + 32'(carry_q), cycles_q[31:0] + 32'd1};
      carry_q <= cycles_q[31:0] == 32'hFFFF_FFFE;
      for (int unsigned c = 0; c < NumCores; c++) begin
        count_q[c].tasks <= count_q[c].tasks + 32'(events_i[c].task_);
        count_q[c].weights <= count_q[c].weights + 32'(events_i[c].weights);
        count_q[c].starved <= count_q[c].starved + 32'(events_i[c].starved);
        count_q[c].full <= count_q[c].full + 32'(events_i[c].full);
        count_q[c].active <= count_q[c].active + 32'(events_i[c].active);
      end
    end
  end

  always_comb begin
    counters_o = '0;
    counters_o.cycles = cycles_q;
    for (int unsigned c = 0; c < NumCores; c++) counters_o.per_core[c] = count_q[c];
  end

endmodule
