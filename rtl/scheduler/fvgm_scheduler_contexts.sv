// Contexts of a core: which of them have a task, whose instructions go first, what is over.
//
// A task is taken (task_valid_i && task_ready_o) while open_i and a context is free, into the lowest free
// one, task_context_o. launch_i starts the own program in context 0 likewise. One cycle later the
// program is checked: start_valid_o starts its fetch and clears the context, or error_o (pulse) reports
// why it cannot run. A context's task is over, done_o, when its END was dispatched (end_i) and nothing
// of it is left (clear_i); it is free from the next cycle on. ahead_o[a][b]: a's task has the higher
// priority, or the same and started first. first_o[c][b]: first word of the slice of context c in
// buffer b; settles Contexts cycles after slices_i, which is stable long before a task comes.
`include "fvgm_assert.svh"

module fvgm_scheduler_contexts #(
    parameter int unsigned Contexts  = 2,
    localparam int unsigned ContextW = (Contexts > 1) ? $clog2(Contexts) : 1
) (
    input  logic                                                       clk_i,
    input  logic                                                       rst_ni,
    input  fvgm_scheduler_pkg::windows_t                               windows_i,
    input  fvgm_task_pkg::slices_t                                     slices_i,
    // own program
    input  logic                                                       launch_i,
    input  logic [fvgm_scheduler_pkg::AddrW-1:0]                       prog_base_i,
    input  logic [31:0]                                                prog_len_i,
    // tasks
    input  logic                                                       open_i,
    input  logic                                                       task_valid_i,
    output logic                                                       task_ready_o,
    input  fvgm_task_pkg::task_start_t                                 task_i,
    output logic [fvgm_task_pkg::ContextW-1:0]                         task_context_o,
    // to the fetch
    output logic                                                       start_valid_o,
    output logic [ContextW-1:0]                                        start_context_o,
    output logic [fvgm_scheduler_pkg::AddrW-1:0]                       start_base_o,
    output logic [31:0]                                                start_length_o,
    output logic                                                       error_o,
    output fvgm_scheduler_pkg::error_t                                 error_info_o,
    // state of the tasks
    input  logic [Contexts-1:0]                                        end_i,
    input  logic [Contexts-1:0]                                        clear_i,
    output logic [Contexts-1:0]                                        active_o,
    output logic [Contexts-1:0]                                        ended_o,
    output logic [Contexts-1:0]                                        done_o,
    output logic [Contexts-1:0][31:0]                                  seq_o,
    output logic [Contexts-1:0][Contexts-1:0]                          ahead_o,
    output logic [Contexts-1:0][fvgm_isa_pkg::NumSliceBuffers-1:0][19:0] first_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  logic [Contexts-1:0] active_q, ended_q, done;
  logic [Contexts-1:0][31:0] seq_q;
  logic [Contexts-1:0][7:0] prio_q;
  logic [Contexts-1:0][Contexts-1:0] ahead_q;
  logic take, begin_any;
  logic [ContextW-1:0] free;

  // the task that was taken in the last cycle
  logic started_q;
  logic [ContextW-1:0] context_q;
  logic [AddrW-1:0] base_q;
  logic [31:0] length_q;
  cause_e cause;

  always_comb begin
    free = '0;
    for (int c = Contexts - 1; c >= 0; c--) begin
      if (!active_q[c]) free = ContextW'(c);
    end
  end

  assign task_ready_o = open_i && !(&active_q);
  assign take = task_valid_i && task_ready_o;
  assign task_context_o = fvgm_task_pkg::ContextW'(free);
  assign begin_any = take || launch_i;

  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      done[c] = active_q[c] && ended_q[c] && clear_i[c];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= '0;
      ended_q <= '0;
      started_q <= 1'b0;
      seq_q <= '0;
      ahead_q <= '0;
    end else begin
      started_q <= begin_any;
      for (int unsigned c = 0; c < Contexts; c++) begin
        if (end_i[c]) ended_q[c] <= 1'b1;
        if (done[c]) active_q[c] <= 1'b0;
        if (begin_any && free == ContextW'(c)) begin
          active_q[c] <= 1'b1;
          ended_q[c] <= 1'b0;
          seq_q[c] <= launch_i ? '0 : task_i.seq;
          for (int unsigned d = 0; d < Contexts; d++) begin
            if (d != c) begin
              ahead_q[c][d] <= !launch_i && task_i.prio > prio_q[d];
              ahead_q[d][c] <= launch_i || task_i.prio <= prio_q[d];
            end
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (begin_any) begin
      context_q <= free;
      prio_q[free] <= launch_i ? '0 : task_i.prio;
      base_q <= launch_i ? prog_base_i : task_i.base;
      length_q <= launch_i ? prog_len_i : 32'(task_i.length);
    end
  end

  assign cause = program_cause(base_q, length_q, windows_i);
  assign start_valid_o = started_q && cause == CauseNone;
  assign start_context_o = context_q;
  assign start_base_o = base_q;
  assign start_length_o = length_q;
  assign error_o = started_q && cause != CauseNone;

  always_comb begin
    error_info_o = '0;
    error_info_o.task_seq = seq_q[context_q];
    error_info_o.addr = base_q;
    error_info_o.unit = UnitNone;
    error_info_o.cause = cause;
  end

  // first words of the slices: base, base + size, ...
  logic [Contexts-1:0][NumSliceBuffers-1:0][19:0] first_q;
  always_ff @(posedge clk_i) begin
    for (int unsigned b = 0; b < NumSliceBuffers; b++) begin
      first_q[0][b] <= slices_i.base[b];
      for (int unsigned c = 1; c < Contexts; c++) begin
        first_q[c][b] <= first_q[c-1][b] + slices_i.size[b];
      end
    end
  end

  assign active_o = active_q;
  assign ended_o = ended_q;
  assign done_o = done;
  assign seq_o = seq_q;
  assign ahead_o = ahead_q;
  assign first_o = first_q;

  logic unused_bits;
  assign unused_bits = ^task_i.tag;

  `FVGM_ASSERT(LaunchOnlyIdle, launch_i |-> active_q == '0 && !take)
  `FVGM_ASSERT(EndOnlyActive, (end_i & ~active_q) == '0)

endmodule
