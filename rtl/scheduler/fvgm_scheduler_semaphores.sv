// The counting semaphores of all contexts, 64 each: one read port per unit, one increment per cycle.
//
// clear_valid_i zeroes those of context clear_context_i; the context has nothing under way then. A
// completion (retire_*) is accepted from one unit per cycle, the lowest index first; its semaphore,
// unless 0, counts up by one, wrapping at 2^16. A read answers in the same cycle and sees an increment
// in the next one. No errors.
module fvgm_scheduler_semaphores #(
    parameter int unsigned Contexts = 2,
    parameter int unsigned Ports    = fvgm_isa_pkg::NumUnits,
    localparam int unsigned ContextW = (Contexts > 1) ? $clog2(Contexts) : 1
) (
    input  logic                                             clk_i,
    input  logic                                             rst_ni,
    input  logic                                             clear_valid_i,
    input  logic [ContextW-1:0]                              clear_context_i,
    input  logic [Ports-1:0]                                 retire_valid_i,
    output logic [Ports-1:0]                                 retire_ready_o,
    input  logic [Ports-1:0][ContextW-1:0]                   retire_context_i,
    input  logic [Ports-1:0][fvgm_scheduler_pkg::SemIdW-1:0] retire_sem_i,
    input  logic [Ports-1:0][ContextW-1:0]                   read_context_i,
    input  logic [Ports-1:0][fvgm_scheduler_pkg::SemIdW-1:0] read_id_i,
    output logic [Ports-1:0][fvgm_scheduler_pkg::SemW-1:0]   read_value_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  // A semaphore that has not counted since its context was cleared is 0, whatever the memory holds.
  logic [SemW-1:0] count_q[Contexts*NumSemaphores];
  logic [Contexts-1:0][NumSemaphores-1:0] counted_q;
  logic write;
  logic [ContextW-1:0] context_id;
  logic [SemIdW-1:0] id;
  logic [SemW-1:0] value;

  function automatic logic [ContextW+SemIdW-1:0] address(logic [ContextW-1:0] ctx,
                                                         logic [SemIdW-1:0] sem);
    return (ContextW + SemIdW)'({ctx, sem});
  endfunction

  always_comb begin
    retire_ready_o = '0;
    context_id = '0;
    id = '0;
    write = 1'b0;
    for (int p = Ports - 1; p >= 0; p--) begin
      if (retire_valid_i[p]) begin
        retire_ready_o = Ports'(1) << p;
        context_id = retire_context_i[p];
        id = retire_sem_i[p];
        write = retire_sem_i[p] != '0;
      end
    end
    value = (counted_q[context_id][id] ? count_q[address(context_id, id)] : '0) + 1'b1;
    for (int unsigned p = 0; p < Ports; p++) begin
      read_value_o[p] = counted_q[read_context_i[p]][read_id_i[p]]
          ? count_q[address(read_context_i[p], read_id_i[p])] : '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      counted_q <= '0;
    end else begin
      if (write) counted_q[context_id][id] <= 1'b1;
      if (clear_valid_i) counted_q[clear_context_i] <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) count_q[address(context_id, id)] <= value;
  end

endmodule
