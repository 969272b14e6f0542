// Invariants of the books of the cores and of the events, inside fvgm_taskq_engine_formal: what each
// register of fvgm_taskq_core and fvgm_taskq_events counts, in terms of what the cores do.
module fvgm_taskq_books_formal
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;
  import fvgm_taskq_formal_pkg::*;
(
  input logic                  seen_reset_q,
  input logic                  session_i,
  input logic                  session_q,
  input logic                  clean,
  input logic                  two_q,
  input logic [1:0]            task_valid,
  input task_start_t [1:0]     tasks,
  input use_t [1:0]            offer_uses,
  input logic [1:0][1:0]       busy_q,
  input use_t [1:0][1:0]       uses_q,
  input logic [1:0][1:0]       runs_k_q,
  input logic [1:0][1:0][1:0]  set_q,
  input logic [1:0][1:0]       loading_q,
  input logic [3:0]            count_q,
  input logic [1:0]            e_q,
  input logic [5:0]            k_q,
  input logic [1:0]            k_given_q,
  input logic [1:0]            k_over_q
);

  // the books of each core, gathered
  logic [1:0][3:0] over;
  use_t [1:0][3:0] record;
  logic [1:0][1:0] bank;
  logic [1:0][LoadW-1:0] load;
  logic [1:0][1:0][LoadW-1:0] users;
  logic [1:0][1:0][SetW-1:0] held;

  for (genvar c = 0; c < 2; c++) begin : g_gather
    assign over[c] = dut.g_core[c].u_core.over_q;
    assign bank[c] = dut.g_core[c].u_core.bank_q;
    assign load[c] = dut.g_core[c].u_core.load_q;
    for (genvar r = 0; r < 4; r++) begin : g_record
      assign record[c][r] = dut.g_core[c].u_core.record[r];
    end
    for (genvar a = 0; a < 2; a++) begin : g_area
      assign users[c][a] = dut.g_core[c].u_core.users_q[a];
      assign held[c][a] = dut.g_core[c].u_core.held_q[a];
    end
  end

  // tasks offered, running, over but still on the books: what the counts must be
  logic [1:0] taking;  // a task is on its way to the core
  logic [1:0][3:0] load_sum;
  logic [1:0][1:0][3:0] users_sum, loads_sum;
  logic [3:0] event_sum;

  always_comb begin
    event_sum = dut.u_events.count_q[e_q];
    for (int unsigned c = 0; c < 2; c++) begin
      load_sum[c] = 4'(task_valid[c]);
      for (int unsigned a = 0; a < 2; a++) begin
        users_sum[c][a] = 4'(task_valid[c] && offer_uses[c].areas[a]);
        loads_sum[c][a] = 4'(task_valid[c] && offer_uses[c].areas[a] && offer_uses[c].weights);
      end
      for (int unsigned x = 0; x < 2; x++) begin
        load_sum[c] += 4'(busy_q[c][x]);
        for (int unsigned a = 0; a < 2; a++) begin
          users_sum[c][a] += 4'(busy_q[c][x] && uses_q[c][x].areas[a]);
          loads_sum[c][a] += 4'(busy_q[c][x] && uses_q[c][x].areas[a] && uses_q[c][x].weights);
        end
      end
      for (int unsigned r = 0; r < 4; r++) begin
        load_sum[c] += 4'(over[c][r]);
        for (int unsigned a = 0; a < 2; a++) begin
          users_sum[c][a] += 4'(over[c][r] && record[c][r].areas[a]);
        end
        if (over[c][r]) event_sum += 4'(signals(record[c][r], e_q));
      end
      if (dut.over_valid_q && dut.over_core_q[c]) begin
        load_sum[c] += 4'd1;
        for (int unsigned a = 0; a < 2; a++) users_sum[c][a] += 4'(dut.over_uses_q.areas[a]);
      end
      taking[c] = task_valid[c] || dut.u_select.may_q[c] != '0 ||
                  (dut.u_select.valid_q && dut.u_select.where_q[c]);
    end
    if (dut.over_valid_q && e_q != '0) begin
      if (dut.over_uses_q.signal0[1:0] == e_q && !dut.u_events.second_q) event_sum += 4'd1;
      if (dut.over_uses_q.signal1[1:0] == e_q) event_sum += 4'd1;
    end
  end

  logic [LoadW-1:0] limit;
  assign limit = two_q ? 4'd2 : 4'd1;

  // contexts
  always_comb begin
    if (seen_reset_q) begin
      assert (!dut.over_valid_q || $onehot(dut.over_core_q));
      if (dut.u_select.valid_q) assert (dut.u_select.where_q != '0);
      for (int unsigned c = 0; c < 2; c++) begin
        assert (load_sum[c] == load[c] && load[c] <= limit);
        if (dut.u_select.valid_q && dut.u_select.where_q[c]) begin
          assert (!task_valid[c] && load[c] < limit);
        end
        if (dut.u_select.may_q[c] != '0 && !dut.u_select.valid_q && !dut.u_select.stale_q) begin
          assert (!task_valid[c] && load[c] < limit);
        end
        for (int unsigned x = 0; x < 2; x++) begin
          if (busy_q[c][x]) begin
            assert (record[c][2*x+32'(bank[c][x])] == uses_q[c][x]);
            assert (!over[c][2*x+32'(bank[c][x])]);
          end
          if (taking[c]) assert (!over[c][2*x+32'(!bank[c][x])]);
        end
        // k, where it was given, is offered, runs or is over
        if (k_given_q[c] && !k_over_q[c]) begin
          assert ((task_valid[c] && tasks[c].seq[5:0] == k_q) || (busy_q[c] & runs_k_q[c]) != '0);
        end
        if (!k_given_q[c]) begin
          assert (!k_over_q[c] && (busy_q[c] & runs_k_q[c]) == '0);
          assert (!task_valid[c] || tasks[c].seq[5:0] != k_q);
        end
      end
    end
  end

  // areas
  always_comb begin
    if (seen_reset_q) begin
      for (int unsigned c = 0; c < 2; c++) begin
        for (int unsigned a = 0; a < 2; a++) begin
          assert (users_sum[c][a] == users[c][a]);
          if (held[c][a] != '0) assert (!loading_q[c][a] && 8'(set_q[c][a]) == held[c][a]);
          if (loading_q[c][a]) begin
            assert (held[c][a] == '0 && users[c][a] == 4'd1 && loads_sum[c][a] == 4'd1);
          end else begin
            assert (loads_sum[c][a] == 4'd0);
          end
          if (task_valid[c] && offer_uses[c].weights && offer_uses[c].areas[a]) begin
            assert (loading_q[c][a] && 8'(set_q[c][a]) == offer_uses[c].set);
          end
          for (int unsigned x = 0; x < 2; x++) begin
            if (busy_q[c][x] && uses_q[c][x].weights && uses_q[c][x].areas[a]) begin
              assert (loading_q[c][a] && 8'(set_q[c][a]) == uses_q[c][x].set);
            end
          end
          for (int unsigned r = 0; r < 4; r++) begin
            if (over[c][r] && record[c][r].weights && record[c][r].areas[a]) begin
              assert (!loading_q[c][a] && 8'(set_q[c][a]) == record[c][r].set);
              assert (held[c][a] == '0 && users[c][a] == 4'd1);
            end
          end
          if (dut.over_valid_q && dut.over_core_q[c] && dut.over_uses_q.weights &&
              dut.over_uses_q.areas[a]) begin
            assert (!loading_q[c][a] && 8'(set_q[c][a]) == dut.over_uses_q.set);
            assert (held[c][a] == '0 && users[c][a] == 4'd1);
          end
        end
      end
    end
  end

  // events
  always_comb begin
    if (seen_reset_q) begin
      if (session_q && session_i) assert (event_sum == count_q);
      if (clean && !session_q) begin
        for (int unsigned i = 0; i < 4; i++) assert (dut.u_events.count_q[i] == '0);
      end
      for (int unsigned i = 0; i < 4; i++) begin
        if (!session_q && i < 32'(dut.u_events.sweep_q)) assert (dut.u_events.count_q[i] == '0);
      end
      if (session_q) assert (dut.u_events.sweep_q == '0 && !clean);
      if (!session_q) begin
        assert (!dut.over_valid_q && over == '0 && busy_q == '0 && count_q == '0);
        assert (!dut.u_events.second_q);
      end
      if (dut.u_events.second_q && session_i) begin
        assert (dut.over_valid_q && dut.over_uses_q.signal0[1:0] != '0 &&
                dut.over_uses_q.signal1[1:0] != '0);
      end
    end
  end

endmodule
