// The 64 counting semaphores: one read port per unit, one increment per cycle.
//
// clear_i starts a sweep that zeroes all of them, one per cycle; clearing_o is high meanwhile and
// increments are not accepted. A completion (retire_*) is accepted from one unit per cycle, the lowest
// index first; its semaphore, unless 0, counts up by one, wrapping at 2^16. A read sees the increment
// in the next cycle. No errors.
module fvgm_scheduler_semaphores #(
    parameter int unsigned Ports = fvgm_isa_pkg::NumUnits
) (
    input  logic                                             clk_i,
    input  logic                                             rst_ni,
    input  logic                                             clear_i,
    output logic                                             clearing_o,
    input  logic [Ports-1:0]                                 retire_valid_i,
    output logic [Ports-1:0]                                 retire_ready_o,
    input  logic [Ports-1:0][fvgm_scheduler_pkg::SemIdW-1:0] retire_sem_i,
    input  logic [Ports-1:0][fvgm_scheduler_pkg::SemIdW-1:0] read_id_i,
    output logic [Ports-1:0][fvgm_scheduler_pkg::SemW-1:0]   read_value_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  logic [SemW-1:0] count_q[NumSemaphores];
  logic clearing_q, write;
  logic [SemIdW-1:0] sweep_q, id;
  logic [SemW-1:0] value;

  always_comb begin
    retire_ready_o = '0;
    id = sweep_q;
    write = clearing_q;
    for (int p = Ports - 1; p >= 0; p--) begin
      if (retire_valid_i[p] && !clearing_q) begin
        retire_ready_o = Ports'(1) << p;
        id = retire_sem_i[p];
        write = retire_sem_i[p] != '0;
      end
    end
    value = clearing_q ? '0 : count_q[id] + 1'b1;
    for (int unsigned p = 0; p < Ports; p++) read_value_o[p] = count_q[read_id_i[p]];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clearing_q <= 1'b0;
      sweep_q <= '0;
    end else if (clear_i) begin
      clearing_q <= 1'b1;
      sweep_q <= '0;
    end else if (clearing_q) begin
      sweep_q <= sweep_q + 1'b1;
      clearing_q <= sweep_q != SemIdW'(NumSemaphores - 1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) count_q[id] <= value;
  end

  assign clearing_o = clearing_q;

endmodule
