// Proof of fvgm_scheduler_contexts on 4 contexts.
//
// For any tasks and own programs, any units:
//   free      a task, or the own program, is taken only into a context that has none;
//   over      done_o comes once for each, when its END was dispatched and none of its instructions is
//             left in a unit; before that the context is not given away;
//   clear     a context is cleared (start_valid_o) when none of its instructions is in a unit;
//   order     of two contexts with a task one goes first: that of the higher priority, of equals the one
//             that started first; this is an order, so of any that are ready one is the best.
// Assumed: instructions of a context are queued from its start to its END (the fetch); a unit's books
// are right (proof of fvgm_scheduler_unit); an own program starts when no context has a task.
// Method: induction of depth 1, so unbounded. Inner = 0 leaves out the assertions on registers.
module fvgm_scheduler_contexts_formal
  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::ContextW;
  import fvgm_task_pkg::slices_t;
  import fvgm_task_pkg::task_start_t;
  import fvgm_scheduler_pkg::*;
#(
  parameter bit Inner = 1'b1
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input windows_t               windows_i,
  input slices_t                slices_i,
  input logic                   launch_i,
  input logic [AddrW-1:0]       prog_base_i,
  input logic [31:0]            prog_len_i,
  input logic                   open_i,
  input logic                   task_valid_i,
  input task_start_t            task_i,
  input logic [3:0]             push_i,    // an instruction of the context enters a unit
  input logic [3:0]             retire_i,  // leaves it
  input logic [3:0]             end_i
);

  logic task_ready, start_valid, error;
  logic [ContextW-1:0] task_context;
  logic [1:0] start_context;
  logic [AddrW-1:0] start_base;
  logic [31:0] start_length;
  error_t error_info;
  logic [3:0] active, ended, done, clear;
  logic [3:0][31:0] seq;
  logic [3:0][3:0] ahead;
  logic [3:0][NumSliceBuffers-1:0][19:0] first;

  fvgm_scheduler_contexts #(
    .Contexts(4)
  ) dut (
    .clk_i,
    .rst_ni,
    .windows_i,
    .slices_i,
    .launch_i,
    .prog_base_i,
    .prog_len_i,
    .open_i,
    .task_valid_i,
    .task_ready_o(task_ready),
    .task_i,
    .task_context_o(task_context),
    .start_valid_o(start_valid),
    .start_context_o(start_context),
    .start_base_o(start_base),
    .start_length_o(start_length),
    .error_o(error),
    .error_info_o(error_info),
    .end_i,
    .clear_i(clear),
    .active_o(active),
    .ended_o(ended),
    .done_o(done),
    .seq_o(seq),
    .ahead_o(ahead),
    .first_o(first)
  );

  // What is so: programs, their instructions in the units, which started first.
  logic seen_reset_q;
  logic [3:0] busy_q, open_q, over_q;  // has a program; was started; END was dispatched
  logic [3:0][2:0] left_q;             // instructions in the units
  logic [3:0][7:0] prio_q;
  logic [3:0][3:0] before_q;           // [a][b]: a started before b
  logic begins;
  logic [1:0] where;

  initial begin
    seen_reset_q = 1'b0;
  end

  assign begins = launch_i || (task_valid_i && task_ready);
  assign where = launch_i ? 2'd0 : task_context[1:0];

  always_comb begin
    for (int unsigned c = 0; c < 4; c++) begin
      clear[c] = left_q[c] == '0;
      if (push_i[c] || end_i[c]) assume (busy_q[c] && open_q[c] && !over_q[c]);
      assume (!(push_i[c] && end_i[c]));
      if (push_i[c]) assume (left_q[c] != '1);
      if (retire_i[c]) assume (left_q[c] != '0);
    end
    if (launch_i) assume (busy_q == '0 && !(task_valid_i && task_ready));
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      seen_reset_q <= 1'b1;
      busy_q <= '0;
      open_q <= '0;
      over_q <= '0;
      left_q <= '0;
    end else begin
      for (int unsigned c = 0; c < 4; c++) begin
        left_q[c] <= left_q[c] + 3'(push_i[c]) - 3'(retire_i[c]);
        if (end_i[c]) over_q[c] <= 1'b1;
        if (start_valid && start_context == 2'(c)) open_q[c] <= 1'b1;
        if (done[c]) busy_q[c] <= 1'b0;
        if (begins && where == 2'(c)) begin
          busy_q[c] <= 1'b1;
          open_q[c] <= 1'b0;
          over_q[c] <= 1'b0;
          prio_q[c] <= launch_i ? '0 : task_i.prio;
          for (int unsigned d = 0; d < 4; d++) begin
            before_q[c][d] <= 1'b0;
            if (c != d) before_q[d][c] <= 1'b1;
          end
        end
      end
    end
  end

  always_comb begin
    if (seen_reset_q && rst_ni) begin
      assert (active == busy_q);
      if (begins) assert (!busy_q[where]);
      if (start_valid) begin
        assert (left_q[start_context] == '0 && !push_i[start_context]);
        assert (busy_q[start_context] && !open_q[start_context] && !done[start_context]);
      end
      for (int unsigned c = 0; c < 4; c++) begin
        assert (done[c] == (busy_q[c] && over_q[c] && left_q[c] == '0));
        for (int unsigned d = 0; d < 4; d++) begin
          if (c != d && busy_q[c] && busy_q[d]) begin
            assert (ahead[c][d] == (prio_q[c] > prio_q[d] ||
                                    (prio_q[c] == prio_q[d] && before_q[c][d])));
            assert (ahead[c][d] != ahead[d][c]);
            for (int unsigned b = 0; b < 4; b++) begin
              if (busy_q[b] && ahead[c][d] && ahead[d][b]) assert (ahead[c][b]);
            end
          end
          if (c == d) assert (!ahead[c][d]);
        end
      end
    end
    if (Inner && seen_reset_q) begin
      for (int unsigned c = 0; c < 4; c++) begin
        assert (dut.active_q[c] == busy_q[c]);
        if (busy_q[c]) assert (dut.ended_q[c] == over_q[c] && dut.prio_q[c] == prio_q[c]);
        else assert (left_q[c] == '0);
        if (over_q[c] && busy_q[c]) assert (open_q[c]);
        if (busy_q[c] && !open_q[c]) assert (left_q[c] == '0 && !over_q[c]);
        for (int unsigned d = 0; d < 4; d++) begin
          if (c != d && busy_q[c] && busy_q[d]) begin
            assert (before_q[c][d] != before_q[d][c]);
            for (int unsigned b = 0; b < 4; b++) begin
              if (busy_q[b] && before_q[c][d] && before_q[d][b]) assert (before_q[c][b]);
            end
          end
        end
      end
      if (dut.started_q) assert (busy_q[dut.context_q] && !open_q[dut.context_q]);
    end
  end

endmodule
