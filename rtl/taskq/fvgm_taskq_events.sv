// The events: counters in a memory, a read port for each wait of an entry, one increment per cycle.
//
// Outside a session (session_i low) a sweep zeroes all of them, one per cycle; clean_o: it is
// complete. In a session over_valid_i brings what is over: its events, signal0_i and signal1_i, 0
// none, count up by one, wrapping; one a cycle, so over_ready_o comes in the second cycle where both
// are there. A read sees an increment in the next cycle. No errors.
`include "fvgm_assert.svh"

module fvgm_taskq_events #(
    parameter int unsigned Events = fvgm_isa_pkg::NumEvents,
    parameter int unsigned ValueW = fvgm_taskq_pkg::ValueW,
    localparam int unsigned IdW = $clog2(Events)
) (
    input  logic                                             clk_i,
    input  logic                                             rst_ni,
    input  logic                                             session_i,
    output logic                                             clean_o,
    input  logic                                             over_valid_i,
    output logic                                             over_ready_o,
    input  logic [IdW-1:0]                                   signal0_i,
    input  logic [IdW-1:0]                                   signal1_i,
    input  logic [fvgm_isa_pkg::NumTaskWaits-1:0][IdW-1:0]    read_id_i,
    output logic [fvgm_isa_pkg::NumTaskWaits-1:0][ValueW-1:0] read_value_o
);

  import fvgm_isa_pkg::*;

  logic [ValueW-1:0] count_q[Events];
  logic clean_q, second_q, both, write;
  logic [IdW-1:0] sweep_q, id;
  logic [ValueW-1:0] value;

  assign both = signal0_i != '0 && signal1_i != '0;
  assign over_ready_o = !both || second_q;

  always_comb begin
    id = (signal0_i == '0 || second_q) ? signal1_i : signal0_i;
    write = over_valid_i && id != '0;
    value = count_q[id] + 1'b1;
    if (!session_i) begin
      id = sweep_q;
      write = !clean_q;
      value = '0;
    end
    for (int unsigned w = 0; w < NumTaskWaits; w++) read_value_o[w] = count_q[read_id_i[w]];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clean_q <= 1'b0;
      sweep_q <= '0;
      second_q <= 1'b0;
    end else if (session_i) begin
      clean_q <= 1'b0;
      sweep_q <= '0;
      second_q <= over_valid_i && both && !second_q;
    end else begin
      sweep_q <= sweep_q + 1'b1;
      second_q <= 1'b0;
      if (sweep_q == IdW'(Events - 1)) clean_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) count_q[id] <= value;
  end

  assign clean_o = clean_q;

  `FVGM_ASSERT(OverHeld, session_i && over_valid_i && !over_ready_o |=>
               !session_i || (over_valid_i && $stable({signal0_i, signal1_i})))

endmodule
