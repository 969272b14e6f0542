// Rotation: data_o[i] is data_i[(i + first_i) mod Count].
//
// Each level of four-way multiplexers takes two bits of first_i, the highest first; of an odd number of
// bits a level of two-way ones takes the last. As sums of products the multiplexers of a level have nothing in
// common, so that each becomes one LUT6 a bit; as trees they would share inner nodes, of which a
// mapper makes two small LUTs.
//
// Parameters: Count is a power of two, >= 2; Width in bits. Combinational, no errors.
module fvgm_rotate #(
  parameter int unsigned Count = 4,
  parameter int unsigned Width = 128,
  localparam int unsigned Bits = $clog2(Count)
) (
  input  logic [Bits-1:0] first_i,
  input  logic [Count-1:0][Width-1:0] data_i,
  output logic [Count-1:0][Width-1:0] data_o
);

  localparam int unsigned Levels = Bits / 2;  // of four

  if (Count != 2 ** Bits || Count < 2) begin : gen_illegal_count
    $error("fvgm_rotate: Count must be a power of two, >= 2");
  end

  logic [Bits+1:0] first;
  assign first = (Bits + 2)'(first_i);

  always_comb begin
    logic [Count-1:0][Width-1:0] from;
    data_o = data_i;
    for (int level = int'(Levels) - 1; level >= 0; level--) begin
      from = data_o;
      data_o = '0;
      for (int unsigned d = 0; d < 4; d++) begin
        if (first[2*level+Bits%2+:2] == 2'(d)) begin
          data_o = data_o | (from >> (Width * (d << (2 * level + Bits % 2)))) |
                   (from << (Width * (Count - (d << (2 * level + Bits % 2)))));
        end
      end
    end
    if (Bits % 2 == 1 && first[0]) data_o = (data_o >> Width) | (data_o << (Width * (Count - 1)));
  end

endmodule
