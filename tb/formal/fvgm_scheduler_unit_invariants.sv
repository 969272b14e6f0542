// Invariants of fvgm_scheduler_unit, inside fvgm_scheduler_unit_formal: where m is, what is known of the
// head of its queue, and what the counters count.
module fvgm_scheduler_unit_invariants
  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;
(
  input logic              seen_reset_q,
  input logic [1:0]        e_q,
  input logic              m_seen_q,
  input logic              m_started_q,
  input logic              m_done_q,
  input logic              m_retired_q,
  input logic              m_context_q,
  input logic [1:0]        m_signal_q,
  input logic              m_count_q,
  input logic              m_skip,
  input logic [15:0]       m_rows_q,
  input logic [15:0]       m_bound,
  input logic [1:0][10:0]  counts_q,
  input logic [2:0][1:0]   m_id_q,
  input logic [2:0][15:0]  m_value_q,
  input logic [2:0]        m_held_q,
  input logic [1:0][1:0]   queued_q,
  input logic [1:0]        older_q,
  input logic [2:0]        front_q,
  input logic [2:0]        ahead_q,
  input logic [2:0]        flying_q,
  input logic [2:0]        kept_q,
  input logic [2:0]        given_q,
  input logic [2:0]        owed_q
);

  logic [2:0] flying, kept, commands;
  logic [2:0] need;                 // waits of m on e that have not held
  logic in_command;                 // m is in the command register
  logic [1:0][2:0] held;            // instructions of a context in the unit

  assign flying = dut.issued_q - dut.done_q;
  assign kept = dut.issued_q - dut.retired_q;
  assign in_command = dut.issue_q && dut.cmd_info_q.tag[0];

  always_comb begin
    for (int unsigned w = 0; w < 3; w++) begin
      need[w] = e_q != '0 && m_id_q[w] == e_q && !m_held_q[w];
    end
    commands = '0;
    for (int unsigned c = 0; c < 2; c++) begin
      held[c] = 3'(dut.count_q[c]) + 3'(dut.issue_q && dut.cmd_info_q.ctx == 1'(c));
    end
    for (int unsigned f = 0; f < 4; f++) begin
      // the f-th instruction that is kept
      logic [1:0] at;
      at = dut.retired_q[1:0] + 2'(f);
      if (3'(f) < kept) begin
        for (int unsigned c = 0; c < 2; c++) held[c] += 3'(dut.flight_q[at].ctx == 1'(c));
        if (3'(f) >= kept - flying && !dut.flight_q[at].skipped) commands += 3'd1;
      end
    end
  end

  always_comb begin
    if (seen_reset_q) begin
      assert (flying == flying_q && kept == kept_q && flying <= kept && kept <= 3'd3);
      assert (kept + 3'(dut.issue_q) <= 3'd3);
      assert (dut.owed_q == owed_q && 4'(given_q) + 4'(owed_q) == 4'(commands));
      for (int unsigned c = 0; c < 2; c++) begin
        assert (4'(dut.held_q[c]) == 4'(held[c]) && dut.count_q[c] <= 2'd2);
        assert (3'(queued_q[c]) == 3'(dut.count_q[c]) +
                3'(dut.issue_q && dut.cmd_info_q.ctx == 1'(c)));
        assert (1'(dut.read_q[c] + dut.count_q[c][0]) == dut.write_q[c]);
        if (dut.count_q[c] == '0) assert (!dut.ready_q[c] && !dut.known_q[c] && !dut.over_q[c]);
        if (dut.ready_q[c]) assert (dut.known_q[c]);
      end
      // m: queued, in the command register, under way, retired
      assert (m_seen_q || !m_started_q);
      assert (m_started_q || !m_done_q);
      assert (m_done_q || !m_retired_q);
      if (m_seen_q && !m_started_q) begin
        if (in_command) assert (older_q == '0);
        else begin
          assert (older_q < queued_q[m_context_q]);
          assert (older_q >= 2'(dut.issue_q && dut.cmd_info_q.ctx == m_context_q));
        end
      end
      assert (!dut.issue_q || dut.cmd_skip_q == dut.cmd_info_q.skipped);
      if (in_command) begin
        assert (m_seen_q && !m_started_q && dut.cmd_info_q.ctx == m_context_q && need == '0);
        assert (dut.cmd_info_q.signal == SemIdW'(m_signal_q) && m_bound <= m_rows_q);
        assert (dut.cmd_skip_q == m_skip && rows_of(UnitRu, dut.cmd_q) == m_bound);
      end
      if (m_started_q && !m_done_q) begin
        assert (front_q < flying && ahead_q == front_q + kept - flying);
      end
      if (m_done_q && !m_retired_q) assert (ahead_q < kept - flying);
    end
  end

  // instructions under way: m is the one behind ahead_q others
  for (genvar f = 0; f < 4; f++) begin : g_flight
    logic [1:0] at;
    assign at = dut.retired_q[1:0] + 2'(f);
    always_comb begin
      if (seen_reset_q && 3'(f) < kept) begin
        assert (dut.flight_q[at].tag[0] == (m_started_q && !m_retired_q && ahead_q == 3'(f)));
        if (dut.flight_q[at].tag[0]) begin
          assert (dut.flight_q[at].ctx == m_context_q);
          assert (dut.flight_q[at].signal == SemIdW'(m_signal_q));
        end
      end
    end
  end

  // queues: m is the one behind the older ones that are not in the command register
  for (genvar c = 0; c < 2; c++) begin : g_context
    logic mine;                     // m is the head
    logic tested, counted;          // the head is under test; has a count

    for (genvar i = 0; i < 2; i++) begin : g_place
      entry_t place;
      logic [15:0] rows;
      logic is_m;
      assign place = dut.entry_q[{1'(c), 1'(dut.read_q[c] + 1'(i))}];
      assign rows = rows_of(UnitRu,
          PayloadBits'(dut.payload_q[{1'(c), 1'(dut.read_q[c] + 1'(i))}]));
      assign is_m = m_seen_q && !m_started_q && !in_command && m_context_q == 1'(c) &&
                    2'(i) + 2'(dut.issue_q && dut.cmd_info_q.ctx == 1'(c)) == older_q;
      always_comb begin
        if (seen_reset_q && 2'(i) < dut.count_q[c]) begin
          assert (place.tag[0] == is_m);
          if (is_m) begin
            assert (place.signal == SemIdW'(m_signal_q));
            assert (place.count == CountIdW'(m_count_q) && rows == m_rows_q);
            for (int unsigned w = 0; w < 3; w++) begin
              assert (place.wait_sem[w] == SemIdW'(m_id_q[w]));
              assert (place.wait_val[w] == m_value_q[w]);
            end
          end
        end
      end
    end

    assign mine = dut.count_q[c] != '0 && g_place[0].place.tag[0];
    assign counted = g_place[0].place.count != '0;
    assign tested = dut.test_valid_q && dut.test_context_q == 1'(c);
    always_comb begin
      if (seen_reset_q) begin
        if (tested) begin
          assert (dut.count_q[c] != '0 && dut.test_q == g_place[0].place);
          assert (dut.test_rows_q == g_place[0].rows);
        end
        if (dut.ready_q[c] || dut.over_q[c]) begin
          assert (dut.over_q[c] == (counted && 16'(counts_q[c]) > g_place[0].rows));
          assert (dut.ready_q[c] == !dut.over_q[c]);
        end
        if (dut.ready_q[c]) begin
          assert (dut.zero_q[c] == (counted && counts_q[c] == '0));
          assert (dut.bound_q[c] == counts_q[c]);
        end
        if (mine) begin
          for (int unsigned w = 0; w < 3; w++) begin
            if (tested && need[w]) assert (dut.test_open_q[w]);
            if (dut.known_q[c] && need[w]) assert (dut.open_q[c][w]);
          end
          if (dut.ready_q[c]) assert (need == '0);
        end
      end
    end
  end

endmodule
