// Proof of fvgm_scheduler_unit on 2 contexts with queues of 2, up to 3 instructions under way, as the
// queues of the RU (its instructions take counts).
//
// For any instructions, priorities, halts and resets, any times of the unit; m is any instruction:
//   waits     m starts only when each of its waits has held: e is any semaphore of its context;
//   rows      it starts with its own rows or, where it has a count, with that, which is not more; if
//             that is 0 the unit does not see it;
//   order     m starts once, after all older ones of its context, before all younger ones;
//   complete  m completes once, after its start, in the order of starts, and, unless it is skipped, not
//             before its done_i; it completes as soon as it is the oldest and its done_i was there;
//   retire    then its semaphore is offered until it is taken, once, for its context;
//   idle      the context is not idle while m is queued, under way, or its semaphore not yet counted.
// Assumed: the count registers stand still; an instruction is queued where there is room;
// done_i comes for a command that was given; semaphores are those of fvgm_scheduler_semaphores (its proof).
// Method: induction of depth 1, so unbounded. Inner = 0 leaves out the assertions on registers.
module fvgm_scheduler_unit_formal
  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;
#(
  parameter bit Inner = 1'b1,
  parameter int unsigned Cover = 0
) (
  input logic              clk_i,
  input logic              rst_ni,
  input logic              halt_i,
  input logic              first_i,      // context 0 goes first
  input logic              push_valid_i,
  input logic              push_context_i,
  input logic              mark_i,       // it is m
  input logic [2:0][1:0]   wait_id_i,
  input logic [2:0][15:0]  wait_value_i,
  input logic [1:0]        signal_i,
  input logic              count_i,
  input logic [1:0]        e_i,          // any semaphore
  input logic              up_i,         // that of m's context counts up
  input logic [15:0]       other_i,      // value of another
  input logic [15:0]       rows_i,       // of the instruction
  input logic [1:0][10:0]  counts_i,     // the count registers of each context
  input logic              cmd_ready_i,
  input logic              done_i,
  input logic              retire_ready_i
);

  localparam int unsigned PayloadW = payload_width(UnitRu);

  entry_t entry;
  logic [1:0][10:0] counts_q;
  logic [1:0] room, idle, waiting;
  logic sem_context;
  logic [SemIdW-1:0] sem_id, retire_sem, stalled_sem;
  logic [SemW-1:0] sem_value;
  logic [CountIdW-1:0] count_id;
  logic cmd_valid, start, start_context, completed, skipped, done_context;
  logic [PayloadBits-1:0] cmd;
  logic [15:0] start_tag, done_tag;
  logic retire_valid, retire_context, stalled, working, range_error, error_context, oldest_context;
  logic [31:0] head_index, oldest_index;

  always_comb begin
    entry = '0;
    entry.tag = 16'(mark_i);
    entry.signal = SemIdW'(signal_i);
    entry.count = CountIdW'(count_i);
    for (int unsigned w = 0; w < 3; w++) begin
      entry.wait_sem[w] = SemIdW'(wait_id_i[w]);
      entry.wait_val[w] = wait_value_i[w];
    end
  end

  fvgm_scheduler_unit #(
    .Unit(UnitRu),
    .Contexts(2),
    .QueueDepth(2),
    .InFlight(4)
  ) dut (
    .clk_i,
    .rst_ni,
    .halt_i,
    .ahead_i(first_i ? 4'b0010 : 4'b0100),
    .push_valid_i,
    .push_context_i,
    .push_ready_o(room),
    .push_entry_i(entry),
    .push_payload_i(PayloadW'(with_rows(UnitRu, '0, rows_i))),
    .sem_context_o(sem_context),
    .sem_id_o(sem_id),
    .sem_value_i(sem_value),
    .count_id_o(count_id),
    .count_value_i(counts_q[sem_context]),
    .cmd_valid_o(cmd_valid),
    .cmd_ready_i,
    .cmd_o(cmd),
    .done_i,
    .start_o(start),
    .start_tag_o(start_tag),
    .start_context_o(start_context),
    .completed_o(completed),
    .completed_skipped_o(skipped),
    .done_tag_o(done_tag),
    .done_context_o(done_context),
    .retire_valid_o(retire_valid),
    .retire_ready_i,
    .retire_sem_o(retire_sem),
    .retire_context_o(retire_context),
    .waiting_o(waiting),
    .stalled_o(stalled),
    .stalled_sem_o(stalled_sem),
    .working_o(working),
    .idle_o(idle),
    .range_error_o(range_error),
    .error_context_o(error_context),
    .head_index_o(head_index),
    .oldest_context_o(oldest_context),
    .oldest_index_o(oldest_index)
  );

  logic seen_reset_q;
  logic [1:0] e_q;
  logic [15:0] sem_q;                        // semaphore e of m's context
  logic m_seen_q, m_started_q, m_done_q, m_retired_q, m_context_q;
  logic [1:0] m_signal_q;
  logic m_count_q, m_skip;                   // it has a count; that is 0
  logic [15:0] m_rows_q, m_bound;            // its rows; those with which it starts
  logic [2:0][1:0] m_id_q;
  logic [2:0][15:0] m_value_q;
  logic [2:0] m_held_q, m_holds;             // its waits: held once; hold now
  logic [1:0][1:0] queued_q;                 // instructions queued, by context
  logic [1:0] older_q;                       // those of its context before m
  logic [2:0] front_q, ahead_q;              // started before m: not completed, not retired
  logic [2:0] flying_q, kept_q;              // started: not completed, not retired
  logic [2:0] given_q, owed_q;               // commands without done_i; done_i without completion
  logic push_m, start_m, retire, retire_m;

  initial begin
    seen_reset_q = 1'b0;
  end

  always_comb begin
    sem_value = (sem_context == m_context_q && sem_id == SemIdW'(e_q)) ? sem_q : other_i;
    for (int unsigned w = 0; w < 3; w++) begin
      logic [15:0] ahead;
      ahead = sem_q - m_value_q[w];
      m_holds[w] = !ahead[15];
    end
    m_skip = m_count_q && counts_q[m_context_q] == '0;
    m_bound = m_count_q ? 16'(counts_q[m_context_q]) : m_rows_q;
    push_m = push_valid_i && mark_i;
    start_m = start && start_tag[0];
    retire = retire_valid && retire_ready_i;
    retire_m = retire && m_started_q && !m_retired_q && ahead_q == '0;
    if (push_valid_i) assume (room[push_context_i]);
    if (mark_i) assume (!m_seen_q);
    if (done_i) assume (given_q != '0);
  end

  always_ff @(posedge clk_i) begin
    if (!seen_reset_q) begin
      e_q <= e_i;
      counts_q <= counts_i;
    end
    if (!rst_ni) begin
      seen_reset_q <= 1'b1;
      {sem_q, m_seen_q, m_started_q, m_done_q, m_retired_q, m_held_q} <= '0;
      {queued_q, older_q, front_q, ahead_q, flying_q, kept_q, given_q, owed_q} <= '0;
    end else begin
      sem_q <= sem_q + 16'(up_i);
      if (push_m) begin
        m_seen_q <= 1'b1;
        m_context_q <= push_context_i;
        m_signal_q <= signal_i;
        m_count_q <= count_i;
        m_rows_q <= rows_i;
        m_id_q <= wait_id_i;
        m_value_q <= wait_value_i;
        older_q <= queued_q[push_context_i] - 2'(start && start_context == push_context_i);
      end else if (start && start_context == m_context_q && older_q != '0) begin
        older_q <= older_q - 1'b1;
      end
      if (m_seen_q) m_held_q <= m_held_q | m_holds;
      for (int unsigned c = 0; c < 2; c++) begin
        queued_q[c] <= queued_q[c] + 2'(push_valid_i && push_context_i == 1'(c)) -
                       2'(start && start_context == 1'(c));
      end
      flying_q <= flying_q + 3'(start) - 3'(completed);
      kept_q <= kept_q + 3'(start) - 3'(retire);
      given_q <= given_q + 3'(cmd_valid && cmd_ready_i) - 3'(done_i);
      owed_q <= owed_q + 3'(done_i) - 3'(completed && !skipped);
      if (start_m) begin
        m_started_q <= 1'b1;
        front_q <= flying_q - 3'(completed);
        ahead_q <= kept_q - 3'(retire);
      end else begin
        if (completed && front_q != '0) front_q <= front_q - 1'b1;
        if (retire && ahead_q != '0) ahead_q <= ahead_q - 1'b1;
      end
      if (completed && done_tag[0]) m_done_q <= 1'b1;
      if (retire_m) m_retired_q <= 1'b1;
    end
  end

  if (Cover == 0) begin : g_proof
    always_comb begin
      if (seen_reset_q && rst_ni) begin
        if (start_m) begin
          assert (m_seen_q && !m_started_q && start_context == m_context_q && older_q == '0);
          assert (m_bound <= m_rows_q && cmd_valid == !m_skip);
          if (cmd_valid) assert (rows_of(UnitRu, cmd) == m_bound);
          for (int unsigned w = 0; w < 3; w++) begin
            if (e_q != '0 && m_id_q[w] == e_q) assert (m_held_q[w]);
          end
        end
        if (start && !start_m && start_context == m_context_q) begin
          assert (!m_seen_q || m_started_q || older_q != '0);
        end
        if (completed) begin
          assert (done_tag[0] == (m_started_q && !m_done_q && front_q == '0));
          assert (skipped || owed_q != '0 || done_i);
          if (done_tag[0]) assert (done_context == m_context_q);
        end
        if (m_started_q && !m_done_q && front_q == '0 && (owed_q != '0 || done_i)) begin
          assert (completed);
        end
        if (retire_m) assert (m_done_q);
        if (m_done_q && !m_retired_q && ahead_q == '0) begin
          assert (retire_valid && retire_context == m_context_q);
          assert (retire_sem == SemIdW'(m_signal_q));
        end
        if (m_seen_q && !m_retired_q) assert (!idle[m_context_q]);
      end
    end
    if (Inner) begin : g_inner
      fvgm_scheduler_unit_invariants u_invariants (.*);
    end
  end else begin : g_cover
    logic happens;
    always_comb begin
      case (Cover)
        1: happens = start_m && older_q == '0 && m_id_q[0] == 2'd1 && m_value_q[0] == 16'd1 &&
                     e_q == 2'd1 && m_id_q[1] == 2'd2;
        2: happens = m_retired_q && idle == '1;
        3: happens = completed && skipped && done_tag[0];
        default: happens = 1'b0;
      endcase
      if (seen_reset_q && rst_ni) assert (!happens);
    end
  end

endmodule
