// Invariants of the window and of the rotation over it, inside fvgm_taskq_engine_formal: what stands in
// each place, how places stand to each other, what is known of k.
module fvgm_taskq_window_formal
  import fvgm_taskq_pkg::*;
  import fvgm_taskq_formal_pkg::*;
(
  input logic             seen_reset_q,
  input logic [1:0]       drained,
  input logic [5:0]       index_q,
  input logic [1:0]       e_q,
  input logic [5:0]       k_q,
  input logic             k_seen_q,
  input logic             k_weights_q,
  input logic [1:0]       k_cores_q,
  input logic [1:0]       k_areas_q,
  input logic [1:0]       k_set_q,
  input logic [1:0]       k_given_q,
  input logic [1:0]       k_left,
  input logic [3:0][1:0]  k_id_q,
  input logic [3:0][3:0]  k_value_q,
  input logic [3:0]       k_held_q
);

  logic [Slots-1:0] is_k;  // k stands there

  always_comb begin
    if (seen_reset_q) begin
      assert (k_seen_q == (index_q > k_q));
      if (!k_seen_q) assert (k_given_q == '0 && k_held_q == '0);
      else assert (k_cores_q != '0 && (k_given_q & ~k_cores_q) == '0);
      assert ((k_left != '0) == (is_k != '0));
    end
  end

  for (genvar s = 0; s < Slots; s++) begin : g_slot
    logic occupied, fresh, under1, under2;
    use_t uses;
    wait_t [3:0] waits;
    logic [5:0] seq;

    assign occupied = dut.u_window.pending_q[s] != '0;
    assign fresh = dut.u_window.fresh_q[s];
    assign uses = dut.u_window.uses[s];
    assign waits = dut.u_scan.test[s].waits;
    assign seq = dut.u_window.start[s].seq[5:0];
    assign under1 = dut.u_scan.valid1_q && dut.u_scan.slot1_q == 2'(s);  // scan under way
    assign under2 = dut.u_scan.valid2_q && dut.u_scan.slot2_q == 2'(s);
    assign is_k[s] = occupied && seq == k_q;

    // the place
    always_comb begin
      if (seen_reset_q && dut.u_window.free_valid_q && dut.u_window.free_q == 2'(s)) begin
        assert (!occupied);
      end
      if (seen_reset_q && occupied) begin
        assert (seq < index_q);
        assert (uses.weights == dut.u_window.weights_q[s]);
        assert (uses.areas == dut.u_window.areas_q[s]);
        assert ((uses.set == '0) == (uses.areas == '0));
        assert (uses.areas[7:2] == '0 && uses.set[7:2] == '0);
        assert (dut.u_scan.test[s].set == uses.set && dut.u_scan.test[s].areas == uses.areas);
        if (under1) begin
          assert (dut.u_scan.test1_q.set == uses.set && dut.u_scan.test1_q.areas == uses.areas);
        end
        for (int unsigned w = 0; w < 4; w++) begin
          assert (waits[w].id[7:2] == '0);
          if (waits[w].id == '0) assert (!dut.u_window.open_q[s][w]);
          if (under1) begin
            assert (dut.u_scan.test1_q.waits[w].id == waits[w].id);
            assert (dut.u_scan.test1_q.waits[w].value[3:0] == waits[w].value[3:0]);
          end
          if (under2) assert (dut.u_scan.test2_q.waits[w].value[3:0] == waits[w].value[3:0]);
        end
      end
    end

    // k: what is kept of it, and that what counts as held did hold
    always_comb begin
      if (seen_reset_q && is_k[s]) begin
        assert (k_weights_q == uses.weights && 8'(k_areas_q) == uses.areas);
        assert (8'(k_set_q) == uses.set && dut.u_window.pending_q[s] == k_left);
        for (int unsigned w = 0; w < 4; w++) begin
          assert (waits[w].id[1:0] == k_id_q[w] && waits[w].value[3:0] == k_value_q[w]);
          if (e_q != '0 && k_id_q[w] == e_q) begin
            if (!dut.u_window.open_q[s][w]) assert (k_held_q[w]);
            if (under2 && dut.result_holds[w]) assert (k_held_q[w]);
          end
        end
      end
    end

    // What is known of a core stays true: nothing in front of the entry still goes there.
    for (genvar c = 0; c < 2; c++) begin : g_core
      logic lies, blocked;

      assign blocked = dut.u_window.blocked_d[c][s];
      always_comb begin
        lies = 1'b1;
        for (int unsigned a = 0; a < 2; a++) begin
          if (uses.areas[a] && dut.held[c][a] != uses.set) lies = 1'b0;
        end
        if (seen_reset_q && occupied) begin
          if (dut.u_window.clear_o[c][s]) assert (!blocked);
          if (uses.set == '0 || uses.weights) begin
            assert (dut.u_window.loaded_q[s][c]);
          end else begin
            if (fresh) assert (!dut.u_window.loaded_q[s][c]);
            else if (dut.u_window.loaded_q[s][c] && dut.u_window.pending_q[s][c]) begin
              assert (!blocked && lies);
            end
          end
          if (under1 && dut.u_scan.clear1_q[c]) assert (!fresh && dut.u_window.clear_o[c][s]);
          if (under2 && dut.u_scan.loaded_q[c] && !uses.weights &&
              dut.u_window.pending_q[s][c]) begin
            assert (dut.u_window.clear_o[c][s] && lies);
          end
          // with nothing running, what is noted of the others is up to date
          if (drained == '1 && !fresh) assert (dut.u_window.blocked_q[c][s] == blocked);
        end
      end
    end

    // Of two that conflict the younger goes behind the older; preferred are WEIGHTS, priority, age.
    for (genvar o = 0; o < Slots; o++) begin : g_other
      logic behind;
      use_t other;

      assign behind = seq > dut.u_window.start[o].seq[5:0];
      assign other = dut.u_window.uses[o];
      always_comb begin
        if (seen_reset_q && s == o && occupied) begin
          assert (!dut.u_window.before_q[s][o] && !dut.u_window.conflict_q[s][o]);
        end
        if (seen_reset_q && s != o && occupied && dut.u_window.pending_q[o] != '0) begin
          assert (seq != dut.u_window.start[o].seq[5:0]);
          assert (dut.u_window.conflict_q[s][o] ==
                  (behind && (uses.areas & other.areas) != '0 && (uses.weights || other.weights)));
          assert (dut.u_window.before_q[s][o] ==
                  (dut.u_window.rank[o] > dut.u_window.rank[s] ||
                   (dut.u_window.rank[o] == dut.u_window.rank[s] && behind)));
        end
      end
    end
  end

endmodule
