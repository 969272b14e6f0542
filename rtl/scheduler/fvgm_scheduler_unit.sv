// Queues of one unit, one per context: tests the waits of their heads, starts the best head that is
// ready, and hands completions on.
//
// A queue holds at most QueueDepth instructions. Heads are visited in turn, one a cycle: their lowest
// open wait is tested against the semaphore sem_context_o, sem_id_o, whose value comes back on
// sem_value_i in the same cycle; a wait that held once is not tested again (semaphores only count up).
// A head with count != 0 then reads its count register likewise: more rows than its own are an error
// (range_error_o, level; the head stays), else the number takes the place of its own. Of the ready heads
// goes the one whose context no other is ahead_i of: it moves into the command register, from where
// cmd_valid_o offers it until cmd_ready_i; while halt_i none moves. A head with a count of 0 passes the
// command register without being offered and completes as soon as it is the oldest under way: the unit
// does not see it. done_i: the oldest command under way has completed; completions come in the order of
// starts; retire_* hands their semaphores on.
//
// ahead_i[a][b]: context a goes before context b. Latency: push to cmd_valid_o 4 cycles with one
// context, plus one or two per wait beyond the first, two with a count; a semaphore that counts up is
// seen after at most Contexts + 2 cycles. Throughput: a command per cycle. At most InFlight instructions are under way.
`include "fvgm_assert.svh"

module fvgm_scheduler_unit #(
    parameter fvgm_isa_pkg::unit_e Unit       = fvgm_isa_pkg::UnitLoad,
    parameter int unsigned         Contexts   = 2,
    parameter int unsigned         QueueDepth = 4,
    parameter int unsigned         InFlight   = 8,  // power of two
    localparam int unsigned        PayloadW   = fvgm_scheduler_pkg::payload_width(Unit),
    localparam int unsigned        ContextW   = (Contexts > 1) ? $clog2(Contexts) : 1
) (
    input  logic                                     clk_i,
    input  logic                                     rst_ni,
    input  logic                                     halt_i,
    input  logic [Contexts-1:0][Contexts-1:0]        ahead_i,
    // from dispatch
    input  logic                                     push_valid_i,
    input  logic [ContextW-1:0]                      push_context_i,
    output logic [Contexts-1:0]                      push_ready_o,
    input  fvgm_scheduler_pkg::entry_t               push_entry_i,
    input  logic [PayloadW-1:0]                      push_payload_i,
    // semaphore read port
    output logic [ContextW-1:0]                      sem_context_o,
    output logic [fvgm_scheduler_pkg::SemIdW-1:0]    sem_id_o,
    input  logic [fvgm_scheduler_pkg::SemW-1:0]      sem_value_i,
    // count register read port, same context
    output logic [fvgm_scheduler_pkg::CountIdW-1:0]  count_id_o,
    input  logic [fvgm_scheduler_pkg::RowCountW-1:0] count_value_i,
    // command to the unit
    output logic                                     cmd_valid_o,
    input  logic                                     cmd_ready_i,
    output logic [fvgm_isa_pkg::PayloadBits-1:0]     cmd_o,
    input  logic                                     done_i,
    // what starts and completes, skipped instructions included
    output logic                                     start_o,
    output logic [15:0]                              start_tag_o,
    output logic [ContextW-1:0]                      start_context_o,
    output logic                                     completed_o,
    output logic                                     completed_skipped_o,
    output logic [15:0]                              done_tag_o,
    output logic [ContextW-1:0]                      done_context_o,
    // completion
    output logic                                     retire_valid_o,
    input  logic                                     retire_ready_i,
    output logic [fvgm_scheduler_pkg::SemIdW-1:0]    retire_sem_o,
    output logic [ContextW-1:0]                      retire_context_o,
    // state
    output logic [Contexts-1:0]                      waiting_o,        // instructions wait
    output logic                                     stalled_o,        // all heads await something
    output logic [fvgm_scheduler_pkg::SemIdW-1:0]    stalled_sem_o,    // of the best head
    output logic                                     working_o,        // instructions are under way
    output logic [Contexts-1:0]                      idle_o,           // nothing waits or works
    output logic                                     range_error_o,    // its count exceeds its rows
    output logic [ContextW-1:0]                      error_context_o,  // its, or the best
    output logic [31:0]                              head_index_o,     // its index
    output logic [ContextW-1:0]                      oldest_context_o, // oldest under way
    output logic [31:0]                              oldest_index_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned CountW = $clog2(QueueDepth + 1);
  localparam int unsigned PtrW = (QueueDepth > 1) ? $clog2(QueueDepth) : 1;
  localparam int unsigned FlightW = $clog2(InFlight);
  localparam bit Bounded = Unit != UnitSu;  // the SU writes counts, none bounds it
  localparam int unsigned Places = Contexts << PtrW;

  if (QueueDepth < 2) begin : g_depth
    $error("fvgm_scheduler_unit: QueueDepth must be at least 2");
  end
  if (InFlight < 4 || (InFlight & (InFlight - 1)) != 0) begin : g_in_flight
    $error("fvgm_scheduler_unit: InFlight must be a power of two, at least 4");
  end

  typedef struct packed {
    logic skipped;
    logic [ContextW-1:0] ctx;
    logic [31:0] index;
    logic [15:0] tag;
    logic [SemIdW-1:0] signal;
  } flight_t;

  function automatic logic [PtrW-1:0] step(logic [PtrW-1:0] pointer);
    return (pointer == PtrW'(QueueDepth - 1)) ? '0 : pointer + 1'b1;
  endfunction

  function automatic logic [ContextW+PtrW-1:0] place(logic [ContextW-1:0] ctx,
                                                     logic [PtrW-1:0] pointer);
    return (ContextW + PtrW)'({ctx, pointer});
  endfunction

  // queues: all contexts in one memory
  entry_t entry_q[Places];
  logic [PayloadW-1:0] payload_q[Places];
  logic [Contexts-1:0][PtrW-1:0] write_q, read_q;
  logic [Contexts-1:0][CountW-1:0] count_q;
  logic [Contexts-1:0] push, leave, valid;

  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      push_ready_o[c] = count_q[c] != CountW'(QueueDepth);
      push[c] = push_valid_i && push_context_i == ContextW'(c);
      valid[c] = count_q[c] != '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      write_q <= '0;
      read_q <= '0;
    end else begin
      for (int unsigned c = 0; c < Contexts; c++) begin
        count_q[c] <= count_q[c] + CountW'(push[c]) - CountW'(leave[c]);
        if (push[c]) write_q[c] <= step(write_q[c]);
        if (leave[c]) read_q[c] <= step(read_q[c]);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (push_valid_i) begin
      entry_q[place(push_context_i, write_q[push_context_i])] <= push_entry_i;
      payload_q[place(push_context_i, write_q[push_context_i])] <= push_payload_i;
    end
  end

  // Heads: which waits are open, whether the count is known. A visit takes two cycles: look, test.
  logic [Contexts-1:0] known_q, ready_q, zero_q, over_q;
  logic [Contexts-1:0][NumWaits-1:0] open_q;
  logic [Contexts-1:0][SemIdW-1:0] blocked_q;  // semaphore of the last wait that did not hold
  logic [Contexts-1:0][RowCountW-1:0] bound_q;
  logic [ContextW-1:0] turn_q, look;
  logic look_valid, test_valid_q, counted;
  entry_t head, test_q;
  logic [ContextW-1:0] test_context_q;
  logic [NumWaits-1:0] look_open, test_open_q, open_d;
  logic [15:0] test_rows_q;
  logic [SemW-1:0] wait_val, distance;
  logic all_open_held;

  // The next head in turn that is not ready.
  always_comb begin
    look = turn_q;
    look_valid = 1'b0;
    for (int unsigned i = Contexts; i > 0; i--) begin
      logic [ContextW-1:0] c;
      c = (Contexts > 1) ? turn_q + ContextW'(i) : '0;
      if (valid[c] && !ready_q[c] && !over_q[c] && !leave[c]) begin
        look = c;
        look_valid = 1'b1;
      end
    end
  end

  assign head = entry_q[place(look, read_q[look])];

  always_comb begin
    for (int unsigned w = 0; w < NumWaits; w++) look_open[w] = head.wait_sem[w] != '0;
    if (known_q[look]) look_open = open_q[look];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      turn_q <= '0;
      test_valid_q <= 1'b0;
    end else begin
      if (look_valid) turn_q <= look;
      test_valid_q <= look_valid;
    end
  end

  always_ff @(posedge clk_i) begin
    test_q <= head;
    test_context_q <= look;
    test_open_q <= look_open;
    test_rows_q <= rows_of(Unit, PayloadBits'(payload_q[place(look, read_q[look])]));
  end

  // The lowest open wait is under test.
  always_comb begin
    sem_id_o = test_q.wait_sem[NumWaits-1];
    wait_val = test_q.wait_val[NumWaits-1];
    for (int w = NumWaits - 2; w >= 0; w--) begin
      if (test_open_q[w]) begin
        sem_id_o = test_q.wait_sem[w];
        wait_val = test_q.wait_val[w];
      end
    end
    distance = sem_value_i - wait_val;
    open_d = test_open_q;
    if (!distance[SemW-1]) open_d = test_open_q & (test_open_q - 1'b1);
  end

  assign sem_context_o = test_context_q;
  assign count_id_o = test_q.count;
  assign counted = Bounded && test_q.count != '0;
  assign all_open_held = test_open_q == '0;

  // command register
  logic issue_q, cmd_skip_q, issue, pick, flight_room;
  flight_t cmd_info_q;
  logic [PayloadBits-1:0] cmd_q;
  logic [Contexts-1:0] best;
  logic [ContextW-1:0] winner;
  entry_t picked;
  logic [PayloadW-1:0] picked_payload;

  always_comb begin
    winner = '0;
    for (int unsigned c = 0; c < Contexts; c++) begin
      best[c] = ready_q[c];
      for (int unsigned d = 0; d < Contexts; d++) begin
        if (ready_q[d] && ahead_i[d][c]) best[c] = 1'b0;
      end
      if (best[c]) winner = ContextW'(c);
    end
  end

  assign pick = |ready_q && !halt_i && flight_room && (!issue_q || issue);
  assign picked = entry_q[place(winner, read_q[winner])];
  assign picked_payload = payload_q[place(winner, read_q[winner])];
  assign issue = issue_q && (cmd_skip_q || cmd_ready_i);

  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) leave[c] = pick && winner == ContextW'(c);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      known_q <= '0;
      ready_q <= '0;
      over_q <= '0;
      issue_q <= 1'b0;
    end else begin
      if (test_valid_q) begin
        known_q[test_context_q] <= 1'b1;
        if (counted ? all_open_held : open_d == '0) begin
          if (counted && 16'(count_value_i) > test_rows_q) over_q[test_context_q] <= 1'b1;
          else ready_q[test_context_q] <= 1'b1;
        end
      end
      for (int unsigned c = 0; c < Contexts; c++) begin
        if (leave[c]) begin
          known_q[c] <= 1'b0;
          ready_q[c] <= 1'b0;
        end
      end
      if (pick) issue_q <= 1'b1;
      else if (issue) issue_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (test_valid_q) begin
      open_q[test_context_q] <= open_d;
      blocked_q[test_context_q] <= sem_id_o;
      bound_q[test_context_q] <= count_value_i;
      zero_q[test_context_q] <= counted && count_value_i == '0;
    end
    if (pick) begin
      cmd_skip_q <= zero_q[winner];
      cmd_info_q <= '{skipped: zero_q[winner], ctx: winner, index: picked.index, tag: picked.tag,
                      signal: picked.signal};
      cmd_q <= (Bounded && picked.count != '0)
          ? with_rows(Unit, PayloadBits'(picked_payload), 16'(bound_q[winner]))
          : PayloadBits'(picked_payload);
    end
  end

  assign cmd_valid_o = issue_q && !cmd_skip_q;
  assign cmd_o = cmd_q;

  // Instructions under way: written at their start, completed in order, retired when their signal is
  // given. A done_i that meets a skipped instruction at the front waits for the next cycle.
  flight_t flight_q[InFlight];
  flight_t oldest, retiring;
  logic [FlightW:0] issued_q, done_q, retired_q, used;
  logic [FlightW:0] owed_q;  // done_i not yet taken
  logic completed;

  assign used = issued_q - retired_q;
  assign flight_room = used + (FlightW + 1)'(issue_q) < (FlightW + 1)'(InFlight - 1);
  assign oldest = flight_q[done_q[FlightW-1:0]];
  assign retiring = flight_q[retired_q[FlightW-1:0]];
  assign completed = issued_q != done_q && (oldest.skipped || done_i || owed_q != '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      issued_q <= '0;
      done_q <= '0;
      retired_q <= '0;
      owed_q <= '0;
    end else begin
      if (issue) issued_q <= issued_q + 1'b1;
      if (completed) done_q <= done_q + 1'b1;
      if (retire_valid_o && retire_ready_i) retired_q <= retired_q + 1'b1;
      owed_q <= owed_q + (FlightW + 1)'(done_i) - (FlightW + 1)'(completed && !oldest.skipped);
    end
  end

  always_ff @(posedge clk_i) begin
    if (issue) flight_q[issued_q[FlightW-1:0]] <= cmd_info_q;
  end

  // Instructions of a context in this unit, from push to retirement.
  localparam int unsigned HeldW = $clog2(QueueDepth + InFlight + 2);
  logic [Contexts-1:0][HeldW-1:0] held_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q <= '0;
    end else begin
      for (int unsigned c = 0; c < Contexts; c++) begin
        held_q[c] <= held_q[c] + HeldW'(push[c]) -
                     HeldW'(retire_valid_o && retire_ready_i && retiring.ctx == ContextW'(c));
      end
    end
  end

  // The best context of those with instructions, for counters and errors.
  logic [ContextW-1:0] front;
  always_comb begin
    front = '0;
    for (int unsigned c = 0; c < Contexts; c++) begin
      logic first;
      first = valid[c];
      for (int unsigned d = 0; d < Contexts; d++) begin
        if (valid[d] && ahead_i[d][c]) first = 1'b0;
      end
      if (first) front = ContextW'(c);
    end
    error_context_o = front;
    for (int c = Contexts - 1; c >= 0; c--) begin
      if (over_q[c]) error_context_o = ContextW'(c);
    end
  end

  assign start_o = issue;
  assign start_tag_o = cmd_info_q.tag;
  assign start_context_o = cmd_info_q.ctx;
  assign completed_o = completed;
  assign completed_skipped_o = completed && oldest.skipped;
  assign done_tag_o = oldest.tag;
  assign done_context_o = oldest.ctx;
  assign oldest_context_o = oldest.ctx;
  assign oldest_index_o = oldest.index;
  assign retire_valid_o = retired_q != done_q;
  assign retire_sem_o = retiring.signal;
  assign retire_context_o = retiring.ctx;
  assign waiting_o = valid;
  assign stalled_o = |valid && ready_q == '0 && !issue_q;
  assign stalled_sem_o = known_q[front] ? blocked_q[front] : '0;
  assign working_o = issued_q != done_q || issue_q;
  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) idle_o[c] = held_q[c] == '0;
  end
  assign range_error_o = |over_q;
  assign head_index_o = entry_q[place(error_context_o, read_q[error_context_o])].index;

  logic unused_bits;
  assign unused_bits = ^{retiring, oldest, picked, test_q};

  `FVGM_ASSERT(CommandHeld, cmd_valid_o && !cmd_ready_i |=> cmd_valid_o && $stable(cmd_o))
  `FVGM_ASSERT(DoneNeedsCommand, done_i |-> issued_q != done_q)
  `FVGM_ASSERT(PushHasRoom, push_valid_i |-> push_ready_o[push_context_i])
  `FVGM_ASSERT(NeverOverfull, used <= (FlightW + 1)'(InFlight))
  `FVGM_ASSERT(OneBest, $onehot0(best))
  `FVGM_ASSERT(ReadyIsHead, (ready_q & ~valid) == '0)

endmodule
